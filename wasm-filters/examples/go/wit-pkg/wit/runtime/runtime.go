// Package runtime gives out memory that stays where it is, which the component model needs and Go
// does not promise. What wit-bindgen generates imports it under this name.
package runtime

import (
	"runtime"
	"unsafe"
)

// What the host has been given to write a function's arguments into.
var arguments runtime.Pinner

// Allocate makes memory that is neither moved nor freed until the pinner unpins it.
func Allocate(pinner *runtime.Pinner, size, _ uintptr) unsafe.Pointer {
	// Of 64-bit numbers, so that Go aligns it as far as anything is aligned; and never empty.
	memory := unsafe.Pointer(unsafe.SliceData(make([]uint64, size/8+1)))
	pinner.Pin(memory)
	return memory
}

// Unpin leaves a function's arguments to Go, which frees them when nothing refers to them.
func Unpin() {
	arguments.Unpin()
}

//go:wasmexport cabi_realloc
func reallocate(old unsafe.Pointer, oldSize, align, newSize uintptr) unsafe.Pointer {
	memory := Allocate(&arguments, newSize, align)
	copy(unsafe.Slice((*byte)(memory), newSize), unsafe.Slice((*byte)(old), oldSize))
	return memory
}
