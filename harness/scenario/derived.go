package scenario

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	mistake "github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"edgebed/nodes/units"
)

// Limits of an expression. Without loops its time is that of its parts.
const (
	maxExpression = 500 // characters
	maxNodes      = 200
)

// quantityFunctions make a quantity of a text: Rate("10 Mb/s").
var quantityFunctions = []string{"Rate", "Size", "Time"}

// mathFunctions are what expressions may call beside those.
var mathFunctions = []string{"abs", "ceil", "floor", "round", "int", "float", "max", "min"}

// Rates, sizes and times are types of their own in an expression, so that only what
// has a meaning can be worked out with them.
type (
	rateValue struct{ bits float64 } // a second
	sizeValue struct{ bytes float64 }
	timeValue struct{ seconds float64 }
)

// quantity returns the value of a text that is a rate, a size or a time, nil of others.
func quantity(text string) any {
	if r, err := units.ParseRate(text); err == nil {
		return rateValue{float64(r)}
	}
	if s, err := units.ParseSize(text); err == nil {
		return sizeValue{float64(s)}
	}
	if d, err := units.ParseDuration(text); err == nil {
		return timeValue{d.Seconds()}
	}
	return nil
}

// number returns the number in a value of an expression.
func number(x any) float64 {
	switch x := x.(type) {
	case int:
		return float64(x)
	case float64:
		return x
	case rateValue:
		return x.bits
	case sizeValue:
		return x.bytes
	case timeValue:
		return x.seconds
	}
	return math.NaN()
}

// as returns a number as a value of the type of another one.
func as(like any, x float64) any {
	switch like.(type) {
	case rateValue:
		return rateValue{x}
	case sizeValue:
		return sizeValue{x}
	case timeValue:
		return timeValue{x}
	}
	return x
}

// times multiplies a quantity by a number, or a rate by a time.
func times(a, b any) any {
	x := number(a) * number(b)
	switch {
	case reflect.TypeOf(a) == reflect.TypeFor[rateValue]() && reflect.TypeOf(b) == reflect.TypeFor[timeValue](),
		reflect.TypeOf(b) == reflect.TypeFor[rateValue]() && reflect.TypeOf(a) == reflect.TypeFor[timeValue]():
		return sizeValue{x / 8}
	case reflect.TypeOf(a) == reflect.TypeFor[int]() || reflect.TypeOf(a) == reflect.TypeFor[float64]():
		return as(b, x)
	}
	return as(a, x)
}

// over divides a quantity by a number or by one of its kind, or a size by a rate or a
// time.
func over(a, b any) any {
	x := number(a) / number(b)
	switch b.(type) {
	case int, float64:
		return as(a, x)
	case rateValue:
		if _, ok := a.(sizeValue); ok {
			return timeValue{x * 8}
		}
	case timeValue:
		if _, ok := a.(sizeValue); ok {
			return rateValue{x * 8}
		}
	}
	return x
}

// operators are those that expressions have for quantities.
func operators() []expr.Option {
	operator := func(symbol, name string, do func(a, b any) any, types ...any) []expr.Option {
		return []expr.Option{
			expr.Function(name, func(p ...any) (any, error) { return do(p[0], p[1]), nil }, types...),
			expr.Operator(symbol, name),
		}
	}
	compare := func(symbol, name string, holds func(a, b float64) bool) []expr.Option {
		return operator(symbol, name, func(a, b any) any { return holds(number(a), number(b)) },
			new(func(a, b rateValue) bool), new(func(a, b sizeValue) bool), new(func(a, b timeValue) bool))
	}
	alike := []any{
		new(func(a, b rateValue) rateValue), new(func(a, b sizeValue) sizeValue), new(func(a, b timeValue) timeValue),
	}
	byNumber := []any{
		new(func(rateValue, float64) rateValue), new(func(rateValue, int) rateValue),
		new(func(sizeValue, float64) sizeValue), new(func(sizeValue, int) sizeValue),
		new(func(timeValue, float64) timeValue), new(func(timeValue, int) timeValue),
	}

	return slices.Concat(
		operator("+", "plus__", func(a, b any) any { return as(a, number(a)+number(b)) }, alike...),
		operator("-", "minus__", func(a, b any) any { return as(a, number(a)-number(b)) }, alike...),
		compare("<", "below__", func(a, b float64) bool { return a < b }),
		compare(">", "above__", func(a, b float64) bool { return a > b }),
		compare("<=", "atmost__", func(a, b float64) bool { return a <= b }),
		compare(">=", "atleast__", func(a, b float64) bool { return a >= b }),
		operator("*", "times__", times, append(byNumber,
			new(func(float64, rateValue) rateValue), new(func(int, rateValue) rateValue),
			new(func(float64, sizeValue) sizeValue), new(func(int, sizeValue) sizeValue),
			new(func(float64, timeValue) timeValue), new(func(int, timeValue) timeValue),
			new(func(rateValue, timeValue) sizeValue), new(func(timeValue, rateValue) sizeValue))...),
		operator("/", "over__", over, append(byNumber,
			new(func(a, b rateValue) float64), new(func(a, b sizeValue) float64), new(func(a, b timeValue) float64),
			new(func(sizeValue, rateValue) timeValue), new(func(sizeValue, timeValue) rateValue))...),
		[]expr.Option{
			literal[rateValue]("Rate", "10 Mb/s"), literal[sizeValue]("Size", "10 kB"),
			literal[timeValue]("Time", "10 ms"),
		},
	)
}

// literal is a function that makes a quantity of a text.
func literal[T any](name, example string) expr.Option {
	return expr.Function(name, func(p ...any) (any, error) {
		text, _ := p[0].(string)
		if q, ok := quantity(text).(T); ok {
			return q, nil
		}
		return nil, fmt.Errorf("expected a %s such as %s, got %q", strings.ToLower(name), example, text)
	}, new(func(string) T))
}

// scenarioText writes a quantity as a scenario does.
func scenarioText(q any) (string, error) {
	x, most := number(q), float64(1<<53)
	if _, ok := q.(timeValue); ok {
		most = math.MaxInt64 / float64(time.Second)
	}
	if !(x >= 0 && x < most) {
		return "", fmt.Errorf("a result of %g is out of range", x)
	}
	switch q.(type) {
	case rateValue:
		return units.Rate(math.Round(x)).String(), nil
	case sizeValue:
		return units.Size(math.Round(x)).String(), nil
	}
	return time.Duration(math.Round(x * float64(time.Second))).String(), nil
}

// valueIn returns a variable's value for an expression: a number, a quantity or text.
func valueIn(text string) any {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	if x, err := strconv.ParseFloat(text, 64); err == nil && !math.IsInf(x, 0) && !math.IsNaN(x) {
		return x
	}
	if q := quantity(text); q != nil {
		return q
	}
	return text
}

// dash stands for - in the names of variables, which would be a minus.
const dash = "__dash__"

// undashed replaces the names of variables that have a - in an expression.
func undashed(expression string, names []string) string {
	for _, name := range names {
		if !strings.Contains(name, "-") {
			continue
		}
		whole := regexp.MustCompile(`(^|[^A-Za-z0-9_-])` + regexp.QuoteMeta(name) + `($|[^A-Za-z0-9_-])`)
		for whole.MatchString(expression) { // neighbours share the character between them
			expression = whole.ReplaceAllString(expression, "${1}"+strings.ReplaceAll(name, "-", dash)+"${2}")
		}
	}
	return expression
}

// identifiers notes the names in an expression.
type identifiers struct{ names []string }

// Visit implements ast.Visitor.
func (v *identifiers) Visit(node *ast.Node) {
	if id, ok := (*node).(*ast.IdentifierNode); ok {
		v.names = append(v.names, strings.ReplaceAll(id.Value, dash, "-"))
	}
}

// namesIn returns the variables that an expression names, of which some may be known.
func namesIn(expression string, known []string) ([]string, error) {
	if len(expression) > maxExpression {
		return nil, fmt.Errorf("expected an expression of at most %d characters, got %d",
			maxExpression, len(expression))
	}
	tree, err := parser.Parse(undashed(expression, known))
	if err != nil {
		return nil, expressionError(expression, err)
	}
	var found identifiers
	ast.Walk(&tree.Node, &found)
	return slices.DeleteFunc(found.names, func(name string) bool {
		return slices.Contains(quantityFunctions, name)
	}), nil
}

// expressionError is what is wrong with an expression, without the library's picture of
// the place.
func expressionError(expression string, err error) error {
	text := err.Error()
	var at *mistake.Error
	if errors.As(err, &at) {
		text = at.Message
	}
	first, _, _ := strings.Cut(strings.ReplaceAll(text, dash, "-"), "\n")
	return fmt.Errorf("work out ${%s}: %s", expression, first)
}

// derive works out an expression with the variables of a cell.
func (s *Scenario) derive(expression string, vars map[string]string) (string, error) {
	known := slices.Sorted(maps.Keys(vars))
	names, err := namesIn(expression, known)
	if err != nil {
		return "", err
	}
	env, key := map[string]any{}, expression
	for _, name := range names {
		value, ok := vars[name]
		if !ok {
			return "", unknownVariable(name, fmt.Sprintf("%s in ${%s}", name, expression), known)
		}
		x := valueIn(value)
		env[strings.ReplaceAll(name, "-", dash)] = x
		key += fmt.Sprintf(" %T", x)
	}

	program := s.programs[key]
	if program == nil {
		if program, err = compile(undashed(expression, known), env); err != nil {
			return "", expressionError(expression, err)
		}
		if s.programs == nil {
			s.programs = map[string]*vm.Program{}
		}
		s.programs[key] = program
	}
	out, err := expr.Run(program, env)
	if err != nil {
		return "", expressionError(expression, err)
	}
	text, err := written(out)
	if err != nil {
		return "", fmt.Errorf("work out ${%s}: %w", expression, err)
	}
	return text, nil
}

func compile(expression string, env map[string]any) (*vm.Program, error) {
	options := append(operators(), expr.Env(env), expr.MaxNodes(maxNodes), expr.DisableAllBuiltins())
	for _, name := range mathFunctions {
		options = append(options, expr.EnableBuiltin(name))
	}
	return expr.Compile(expression, options...)
}

// written returns the result of an expression as a scenario writes it.
func written(out any) (string, error) {
	switch out := out.(type) {
	case rateValue, sizeValue, timeValue:
		return scenarioText(out)
	case int:
		return strconv.Itoa(out), nil
	case float64:
		if math.IsNaN(out) || math.IsInf(out, 0) {
			return "", errors.New("the result is no number")
		}
		// Digits that nobody wrote come of binary fractions.
		return strconv.FormatFloat(digits(out, 12), 'f', -1, 64), nil
	case bool:
		return strconv.FormatBool(out), nil
	case string:
		return out, nil
	}
	return "", fmt.Errorf("expected a number, a quantity or a text, got %T", out)
}
