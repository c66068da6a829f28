// Package types has the values of the component model that Go has not, as far as a filter needs
// them. What wit-bindgen generates imports it under this name.
package types

// The two cases of a Result.
const (
	ResultOk  uint8 = 0
	ResultErr uint8 = 1
)

// Unit is the value that says nothing: what there is in a Result without a value.
type Unit struct{}

// Result is a value or an error, of which it has exactly one.
type Result[T, E any] struct {
	tag uint8
	ok  T
	err E
}

// Ok makes a Result of a value.
func Ok[T, E any](value T) Result[T, E] {
	return Result[T, E]{tag: ResultOk, ok: value}
}

// Err makes a Result of an error.
func Err[T, E any](err E) Result[T, E] {
	return Result[T, E]{tag: ResultErr, err: err}
}

// Tag says which of the two cases it is.
func (result Result[T, E]) Tag() uint8 {
	return result.tag
}

// Ok is the value; it panics if there is none.
func (result Result[T, E]) Ok() T {
	if result.tag != ResultOk {
		panic("the result is an error")
	}
	return result.ok
}

// Err is the error; it panics if there is none.
func (result Result[T, E]) Err() E {
	if result.tag != ResultErr {
		panic("the result is no error")
	}
	return result.err
}
