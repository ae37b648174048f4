package topology

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	"edgebed/nodes/units"
	"edgebed/nodes/yamlfile"
)

// Parameters lists the keys of link parameters that Override.Set reads, in the order in which
// files describe them: all that are one word or number.
func Parameters() []string {
	var keys []string
	for i := range reflect.TypeFor[Override]().NumField() {
		f := reflect.TypeFor[Override]().Field(i)
		_, isText := reflect.New(f.Type.Elem()).Interface().(encoding.TextUnmarshaler)
		if kind := f.Type.Elem().Kind(); isText || kind != reflect.Struct {
			keys = append(keys, f.Tag.Get("yaml"))
		}
	}
	return keys
}

// Set reads the parameter of a key from text, as a file has it. An unknown key is an error
// with the nearest one.
func (o *Override) Set(key, text string) error {
	if keys := Parameters(); !slices.Contains(keys, key) {
		return fmt.Errorf("unknown parameter %q%s", key, yamlfile.Suggest(key, keys))
	}

	to := o.field(key)
	value := reflect.New(to.Type().Elem())
	var err error
	switch v := value.Interface().(type) {
	case encoding.TextUnmarshaler:
		if err := v.UnmarshalText([]byte(text)); err != nil { // which says what the text is
			return fmt.Errorf("%s: %w", key, err)
		}
	case *time.Duration:
		if *v, err = units.ParseDuration(text); err == nil && *v < 0 {
			err = fmt.Errorf("%v is negative", *v)
		}
		if err != nil {
			err = fmt.Errorf("expected a duration like 10ms: %w", err)
		}
	case *int:
		if *v, err = strconv.Atoi(text); err != nil {
			err = errors.New("expected a whole number")
		}
	case *float64:
		if *v, err = strconv.ParseFloat(text, 64); err != nil {
			err = errors.New("expected a number")
		}
	}
	if err != nil {
		return fmt.Errorf("%s %q: %w", key, text, err)
	}
	to.Set(value)
	return nil
}

// Text returns the parameter of a key as Set reads it; nothing where there is none.
func (o Override) Text(key string) string {
	if !o.Has(key) {
		return ""
	}
	switch v := o.field(key).Elem().Interface().(type) {
	case encoding.TextMarshaler:
		text, err := v.MarshalText()
		if err == nil {
			return string(text)
		}
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return fmt.Sprint(o.field(key).Elem().Interface())
}

// Has reports whether o has the parameter of a key.
func (o Override) Has(key string) bool {
	f := o.field(key)
	return f.IsValid() && !f.IsNil()
}

// field is the pointer to the parameter of a key, the zero Value where there is none.
func (o *Override) field(key string) reflect.Value {
	v := reflect.ValueOf(o).Elem()
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("yaml") == key {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}
