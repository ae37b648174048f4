package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// helpers is the file that a package gets beside its own: functions that do what an
// operator does, or what it is turned into where that mutant is on.
const helpers = `package %s

import (
	"cmp"
	"os"
	"strconv"
)

// mutantOn is 0 where no mutant is on.
var mutantOn = func() int { n, _ := strconv.Atoi(os.Getenv("` + envMutant + `")); return n }()

type mutantInteger interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr
}

type mutantNumber interface{ mutantInteger | ~float32 | ~float64 }

func mutantAdd[T mutantNumber](id int, a, b T) T { if mutantOn == id { return a - b }; return a + b }
func mutantSub[T mutantNumber](id int, a, b T) T { if mutantOn == id { return a + b }; return a - b }
func mutantMul[T mutantNumber](id int, a, b T) T { if mutantOn == id { return a / b }; return a * b }
func mutantQuo[T mutantNumber](id int, a, b T) T { if mutantOn == id { return a * b }; return a / b }
func mutantRem[T mutantInteger](id int, a, b T) T { if mutantOn == id { return a * b }; return a %% b }
func mutantNeg[T mutantNumber](id int, a T) T { if mutantOn == id { return a }; return -a }

func mutantInc[T mutantNumber](id int) T { var one T = 1; if mutantOn == id { return -one }; return one }
func mutantDec[T mutantNumber](id int) T { return -mutantInc[T](id) }

func mutantNot(id int, v bool) bool { return v != (mutantOn == id) }
func mutantAnd(id int, a bool, b func() bool) bool { if mutantOn == id { return a || b() }; return a && b() }
func mutantOr(id int, a bool, b func() bool) bool { if mutantOn == id { return a && b() }; return a || b() }

func mutantLess[T cmp.Ordered](edge, not int, a, b T) bool {
	switch mutantOn {
	case edge:
		return a <= b
	case not:
		return a >= b
	}
	return a < b
}

func mutantMost[T cmp.Ordered](edge, not int, a, b T) bool {
	switch mutantOn {
	case edge:
		return a < b
	case not:
		return a > b
	}
	return a <= b
}

func mutantMore[T cmp.Ordered](edge, not int, a, b T) bool {
	switch mutantOn {
	case edge:
		return a >= b
	case not:
		return a <= b
	}
	return a > b
}

func mutantLeast[T cmp.Ordered](edge, not int, a, b T) bool {
	switch mutantOn {
	case edge:
		return a > b
	case not:
		return a < b
	}
	return a >= b
}
`

// envMutant is the environment's variable that says which mutant is on.
const envMutant = "MUTANT"

// source is a package as the compiler sees it.
type source struct {
	*packages.Package
	// texts are those of the files in the build, by their names in mutants.
	texts map[string][]byte
}

// load reads and checks a package of the working folder's module.
func load(pkg string, o options) (source, error) {
	config := &packages.Config{Mode: packages.LoadSyntax, Env: environment(o), BuildFlags: []string{"-tags", o.tags}}
	loaded, err := packages.Load(config, "./"+pkg)
	if err != nil {
		return source{}, fmt.Errorf("load %s: %w", pkg, err)
	}
	if len(loaded) != 1 || len(loaded[0].Errors) > 0 {
		return source{}, fmt.Errorf("load %s: %d packages: %v", pkg, len(loaded), loaded[0].Errors)
	}

	s := source{Package: loaded[0], texts: make(map[string][]byte)}
	for _, file := range s.GoFiles {
		text, err := os.ReadFile(file)
		if err != nil {
			return source{}, err
		}
		s.texts[filepath.Join(pkg, filepath.Base(file))] = text
	}
	return s, nil
}

// edit replaces a part of a file's text.
type edit struct {
	at, skip int
	text     string
	// An edit that ends an expression comes before those that begin one, of several
	// that end there the one of the shortest expression, and the reverse for beginnings.
	ends bool
	span int
}

func (a edit) compare(b edit) int {
	switch {
	case a.at != b.at:
		return a.at - b.at
	case a.ends != b.ends:
		if a.ends {
			return -1
		}
		return 1
	case a.ends:
		return a.span - b.span
	}
	return b.span - a.span
}

// together turns operators into calls of the helpers: all mutants that it can make that
// way. It returns the files' new texts, in which a mutant's number is its place in the list
// plus one, and the places of those that it made.
//
// It can not where the compiler wants a constant, where an operator of strings has no
// other, and where a type is known by a parameter only.
func (s source) together(all []mutant) (texts map[string][]byte, made map[int]bool) {
	texts, made = make(map[string][]byte), make(map[int]bool)
	for _, syntax := range s.Syntax {
		name := s.Fset.Position(syntax.Package).Filename
		var file string
		for known := range s.texts {
			if filepath.Base(known) == filepath.Base(name) {
				file = known
			}
		}

		byPlace := make(map[int][]int) // of an operator: places in the list
		for i, m := range all {
			if m.file == file {
				byPlace[m.offset] = append(byPlace[m.offset], i)
			}
		}

		var edits []edit
		ast.Inspect(syntax, func(n ast.Node) bool {
			at := operator(n)
			if !at.IsValid() {
				return true
			}
			ids := byPlace[s.Fset.Position(at).Offset]
			if len(ids) == 0 {
				return true
			}
			if added := s.edits(n, all, ids); added != nil {
				edits = append(edits, added...)
				for _, i := range ids {
					made[i] = true
				}
			}
			return true
		})
		texts[file] = apply(s.texts[file], edits)
	}
	return texts, made
}

// operator is where a node's operator is, if it has one.
func operator(n ast.Node) token.Pos {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		return n.OpPos
	case *ast.UnaryExpr:
		return n.OpPos
	case *ast.IncDecStmt:
		return n.TokPos
	}
	return token.NoPos
}

// calls are the helpers that take both operands as they are.
var calls = map[token.Token]string{
	token.ADD: "mutantAdd", token.SUB: "mutantSub",
	token.MUL: "mutantMul", token.QUO: "mutantQuo", token.REM: "mutantRem",
	token.LSS: "mutantLess", token.LEQ: "mutantMost", token.GTR: "mutantMore", token.GEQ: "mutantLeast",
}

// edits makes one operator's mutants; nil where it can not.
func (s source) edits(n ast.Node, all []mutant, ids []int) []edit {
	at := func(p token.Pos) int { return s.Fset.Position(p).Offset }
	span := at(n.End()) - at(n.Pos())
	begin := edit{at: at(n.Pos()), span: span}
	end := edit{at: at(n.End()), span: span, ends: true, text: ")"}

	// Comparisons alone are turned in two ways.
	one := len(ids) == 1
	switch n := n.(type) {
	case *ast.IncDecStmt:
		helper := map[token.Token]string{token.INC: "mutantInc", token.DEC: "mutantDec"}[n.Tok]
		name := s.local(s.TypesInfo.TypeOf(n.X))
		if name == "" || !one {
			return nil
		}
		return []edit{{at: at(n.TokPos), skip: 2, text: fmt.Sprintf(" += %s[%s](%d)", helper, name, ids[0]+1)}}

	case *ast.UnaryExpr:
		if n.Op != token.SUB || !one || s.fixed(n) || !s.basic(n, types.IsNumeric) {
			return nil
		}
		begin.skip, begin.text = 1, fmt.Sprintf("mutantNeg(%d, ", ids[0]+1)
		return []edit{begin, end}

	case *ast.BinaryExpr:
		op := edit{at: at(n.OpPos), skip: len(n.Op.String()), text: ","}
		switch n.Op {
		case token.EQL, token.NEQ:
			if !one || s.fixed(n) {
				return nil
			}
			begin.text = fmt.Sprintf("mutantNot(%d, ", ids[0]+1)
			return []edit{begin, end}

		case token.LAND, token.LOR:
			helper := map[token.Token]string{token.LAND: "mutantAnd", token.LOR: "mutantOr"}[n.Op]
			if !one || s.fixed(n) {
				return nil
			}
			begin.text = fmt.Sprintf("%s(%d, ", helper, ids[0]+1)
			op.text, end.text = ", func() bool { return (", ") })"
			return []edit{begin, op, end}

		case token.LSS, token.LEQ, token.GTR, token.GEQ:
			if s.fixed(n) || !s.basic(n.X, types.IsOrdered) || !s.basic(n.Y, types.IsOrdered) {
				return nil
			}
			edge, not := -1, -1
			for _, i := range ids {
				if all[i].kind == "CONDITIONALS_BOUNDARY" {
					edge = i + 1
				} else {
					not = i + 1
				}
			}
			begin.text = fmt.Sprintf("%s(%d, %d, ", calls[n.Op], edge, not)
			return []edit{begin, op, end}
		}

		if !one || s.fixed(n) || !s.basic(n.X, types.IsNumeric) || !s.basic(n.Y, types.IsNumeric) {
			return nil
		}
		begin.text = fmt.Sprintf("%s(%d, ", calls[n.Op], ids[0]+1)
		return []edit{begin, op, end}
	}
	return nil
}

// fixed reports whether an expression is a constant.
func (s source) fixed(e ast.Expr) bool { return s.TypesInfo.Types[e].Value != nil }

// basic reports whether an expression is of a basic type, or of one made from it.
func (s source) basic(e ast.Expr, info types.BasicInfo) bool {
	b, ok := s.TypesInfo.TypeOf(e).Underlying().(*types.Basic)
	return ok && b.Info()&info != 0 && b.Info()&types.IsComplex == 0
}

// local is the name of a number's type as the package's files write it; empty where it
// would need an import.
func (s source) local(t types.Type) string {
	if b, ok := t.Underlying().(*types.Basic); !ok || b.Info()&types.IsNumeric == 0 {
		return ""
	}
	name := types.TypeString(t, types.RelativeTo(s.Types))
	if strings.ContainsAny(name, "./[") {
		return ""
	}
	return name
}

// apply makes a text's edits.
func apply(text []byte, edits []edit) []byte {
	slices.SortStableFunc(edits, edit.compare)
	var out []byte
	last := 0
	for _, e := range edits {
		out = append(append(out, text[last:e.at]...), e.text...)
		last = e.at + e.skip
	}
	return append(out, text[last:]...)
}
