;; Two components of which one calls the other with a text, so that wasmtime makes code that copies between their memories,
;; and from one encoding to another. For the hole `component` of guest.wat.
(component $callee
  (core module $m
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "f") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0))
      (i32.store (i32.const 20) (local.get 1))
      (i32.const 16)))
  (core instance $i (instantiate $m))
  (func (export "f") (param "s" string) (result string)
    (canon lift (core func $i "f") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
(instance $callee (instantiate $callee))
(component $caller
  (import "f" (func $f (param "s" string) (result string)))
  (core module $libc
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 2048)))
  (core instance $libc (instantiate $libc))
  (core func $lowered (canon lower (func $f) string-encoding=utf16
    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core module $m
    (import "" "f" (func $f (param i32 i32 i32)))
    (func $start (call $f (i32.const 0) (i32.const 8) (i32.const 64)))
    (start $start))
  (core instance (instantiate $m (with "" (instance (export "f" (func $lowered)))))))
(instance (instantiate $caller (with "f" (func $callee "f"))))
