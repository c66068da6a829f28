;; A filter that does what it should: it selects what is namespaced, and gives the reason "because".
;;
;; The tests make hostile ones of it. Each comment of the form (;hole:NAME;) is a place for code, in
;; a part of a guest that the host runs; see `filters.rs`.
(component $guest
  (;hole:component;)

  (component $filter
    (core module $code
      (memory (export "memory") 1)
      (;hole:module;)

      ;; Where the next allocation begins; below lie constants and the answers.
      (global $free (mut i32) (i32.const 1024))
      (data (i32.const 512) "because")

      (func $realloc (export "realloc") (param i32 i32 i32) (param $size i32) (result i32)
        (local $at i32)
        (;hole:realloc;)
        (local.set $at (i32.and (i32.add (global.get $free) (i32.const 3)) (i32.const -4)))
        (global.set $free (i32.add (local.get $at) (local.get $size)))
        (block $enough
          (br_if $enough (i32.le_u (global.get $free) (i32.mul (memory.size) (i32.const 65536))))
          (br_if $enough (i32.ne (i32.const -1) (memory.grow
            (i32.add (i32.const 1) (i32.shr_u (local.get $size) (i32.const 16))))))
          (unreachable))
        (local.get $at))

      (func $start
        (;hole:start;))
      (start $start)

      ;; result<_, string>: a byte that says which, then the string.
      (func (export "configure") (param $settings i32) (param $length i32) (result i32)
        (;hole:configure;)
        (i32.const 16))

      ;; result<selection, string>: a byte that says which, then two lists.
      (func (export "select")
        (param $host i32) (param $host-length i32) (param $cluster i32) (param $cluster-length i32)
        (param $scope i32) (param $namespace i32) (param $namespace-length i32)
        (param $resources i32) (param $count i32)
        (result i32)
        (local $at i32) (local $end i32)
        (;hole:select;)
        (i32.store (i32.const 36) ;; the verdicts
          (call $realloc (i32.const 0) (i32.const 0) (i32.const 4) (i32.mul (local.get $count) (i32.const 12))))
        (i32.store (i32.const 40) (local.get $count))
        (local.set $at (i32.load (i32.const 36)))
        (local.set $end (i32.add (local.get $at) (i32.mul (local.get $count) (i32.const 12))))
        (block $done
          (loop $next
            (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
            (i32.store8 (local.get $at) ;; selected is the resource's namespaced
              (i32.load8_u (i32.add (local.get $resources) (i32.const 40))))
            (i32.store (i32.add (local.get $at) (i32.const 4)) (i32.const 512))
            (i32.store (i32.add (local.get $at) (i32.const 8)) (i32.const 7))
            (local.set $resources (i32.add (local.get $resources) (i32.const 68)))
            (local.set $at (i32.add (local.get $at) (i32.const 12)))
            (br $next)))
        (;hole:answer;)
        (i32.const 32))

      (func (export "after-select") (param i32)
        (;hole:post-return;)))
    (core instance $code (instantiate $code))

    (type $scope' (variant (case "namespace" string) (case "all-namespaces") (case "cluster")))
    (export $scope "scope" (type $scope'))
    (type $target' (record (field "host" string) (field "cluster" string) (field "scope" $scope)))
    (export $target "target" (type $target'))
    (type $api-resource' (record
      (field "group" string) (field "version" string) (field "kind" string) (field "name" string)
      (field "singular-name" string) (field "namespaced" bool) (field "verbs" (list string))
      (field "short-names" (list string)) (field "categories" (list string))))
    (export $api-resource "api-resource" (type $api-resource'))
    (type $verdict' (record (field "selected" bool) (field "reason" string) (;hole:verdict;)))
    (export $verdict "verdict" (type $verdict'))
    (type $selection' (record (field "verdicts" (list $verdict)) (field "warnings" (list string))))
    (export $selection "selection" (type $selection'))

    (func (export "configure") (param "settings" string) (result (result (error string)))
      (canon lift (core func $code "configure")
        (memory (core memory $code "memory")) (realloc (core func $code "realloc"))))
    (func (export "select") ;; lifted
      (param "target" $target) (param "resources" (list $api-resource))
      (result (result $selection (error string)))
      (canon lift (core func $code "select")
        (memory (core memory $code "memory")) (realloc (core func $code "realloc"))
        (post-return (core func $code "after-select")))))

  (instance $filter (instantiate $filter))
  (export "minutebook:filter/filter@0.1.0" (instance $filter))
  (@custom "version" "1.2.3"))
