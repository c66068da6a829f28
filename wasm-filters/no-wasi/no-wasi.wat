;; What a language gets that cannot do without WASI: all of its preview 1, and nothing behind it.
;;
;; A filter imports nothing, and the runtimes of some languages cannot be linked without WASI: Go's,
;; or C's as soon as it prints. `minutebook filter build` puts this module between such a filter and
;; its imports, as the adapter that makes a component of a core module, and what comes out has none.
;; So whatever the runtime asks for, it asks only this file, and the answers are always the same:
;;
;; - There are no arguments, no environment, no files and no sockets.
;; - What is written to standard output and error is dropped; standard input is at its end.
;; - The clock stands still. It has to go on while a guest waits, because Go's scheduler looks at it
;;   to see whether somebody has slept long enough, and would look for ever: whoever sleeps finds,
;;   at once, that it is as much later as he wanted to sleep, and whoever yields that it is a
;;   microsecond later. It begins at one nanosecond after 1970, because Go takes zero for a failure.
;; - Random numbers are a fixed sequence.
;; - Whoever exits, traps: a filter answers or has failed.
;;
;; What a guest writes before it traps is lost. The host could fetch it only through a call, and a
;; component that has trapped cannot be called any more; a component of its own for such texts would
;; be a second, larger contract. So a filter's own code has to turn what it can catch into an error,
;; as the examples do.
;;
;; `no-wasi.wasm` is this file, assembled: minutebook embeds it, and a test compares the two.
(module
  ;; The filter's memory. The adapter has none of its own and keeps what it must in globals.
  (import "env" "memory" (memory 0))

  ;; Nanoseconds, on every clock.
  (global $now (mut i64) (i64.const 1))
  ;; What the next random byte comes from.
  (global $seed (mut i64) (i64.const 1))

  ;; --- arguments and environment: none ---------------------------------------------------------

  ;; Both numbers are zero: how many there are, and their length. Then nobody has anything to get.
  (func $none (param $count i32) (param $size i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $size) (i32.const 0))
    (i32.const 0))
  (export "args_sizes_get" (func $none))
  (export "environ_sizes_get" (func $none))
  (func (export "args_get") (param i32 i32) (result i32) (i32.const 0))
  (func (export "environ_get") (param i32 i32) (result i32) (i32.const 0))

  ;; --- clocks ----------------------------------------------------------------------------------

  (func (export "clock_res_get") (param $clock i32) (param $resolution i32) (result i32)
    (i64.store (local.get $resolution) (i64.const 1))
    (i32.const 0))

  (func (export "clock_time_get") (param $clock i32) (param $precision i64) (param $time i32) (result i32)
    (i64.store (local.get $time) (global.get $now))
    (i32.const 0))

  (func (export "sched_yield") (result i32)
    (global.set $now (i64.add (global.get $now) (i64.const 1000)))
    (i32.const 0))

  ;; Waits for any of several subscriptions. One is 48 bytes: at 0 the subscriber's own number, at 8
  ;; the type (0 is a clock, all else a file), and for a clock at 24 the time and at 40 whether it is
  ;; a point in time (1) or a span. An event is 32 bytes: at 0 that number, at 8 the error (2 bytes),
  ;; at 10 the type.
  ;;
  ;; All of them happen at once: the clock is put forward to the latest time that is waited for, and
  ;; there is no such file.
  (func (export "poll_oneoff") (param $in i32) (param $out i32) (param $count i32) (param $events i32) (result i32)
    (local $left i32)
    (local $start i64)
    (local $until i64)
    (if (i32.eqz (local.get $count))
      (then (return (i32.const 28)))) ;; inval
    (local.set $left (local.get $count))
    (local.set $start (global.get $now))
    (loop $next
      (i64.store (local.get $out) (i64.load (local.get $in)))
      (i64.store offset=8 (local.get $out) (i64.const 0))
      (i64.store offset=16 (local.get $out) (i64.const 0))
      (i64.store offset=24 (local.get $out) (i64.const 0))
      (i32.store8 offset=10 (local.get $out) (i32.load8_u offset=8 (local.get $in)))
      (if (i32.load8_u offset=8 (local.get $in))
        (then (i32.store16 offset=8 (local.get $out) (i32.const 8))) ;; badf
        (else
          (local.set $until (i64.load offset=24 (local.get $in)))
          (if (i32.eqz (i32.and (i32.load16_u offset=40 (local.get $in)) (i32.const 1)))
            (then (local.set $until (i64.add (local.get $until) (local.get $start)))))
          (if (i64.gt_u (local.get $until) (global.get $now))
            (then (global.set $now (local.get $until))))))
      (local.set $in (i32.add (local.get $in) (i32.const 48)))
      (local.set $out (i32.add (local.get $out) (i32.const 32)))
      (br_if $next (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (i32.store (local.get $events) (local.get $count))
    (i32.const 0))

  ;; --- randomness: none ------------------------------------------------------------------------

  ;; A linear congruential generator's highest bits, byte by byte.
  (func (export "random_get") (param $buffer i32) (param $length i32) (result i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $buffer) (local.get $length)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $buffer) (local.get $end)))
        (global.set $seed
          (i64.add
            (i64.mul (global.get $seed) (i64.const 6364136223846793005))
            (i64.const 1442695040888963407)))
        (i64.store8 (local.get $buffer) (i64.shr_u (global.get $seed) (i64.const 56)))
        (local.set $buffer (i32.add (local.get $buffer) (i32.const 1)))
        (br $next)))
    (i32.const 0))

  ;; --- the standard streams: 0, 1 and 2 --------------------------------------------------------

  ;; Takes everything: counts what it was given to write. A vector is an address and a length.
  (func (export "fd_write") (param $file i32) (param $vector i32) (param $count i32) (param $written i32) (result i32)
    (local $sum i32)
    (if (i32.or (i32.eqz (local.get $file)) (i32.gt_u (local.get $file) (i32.const 2)))
      (then (return (i32.const 8)))) ;; badf
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $sum (i32.add (local.get $sum) (i32.load offset=4 (local.get $vector))))
        (local.set $vector (i32.add (local.get $vector) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (i32.store (local.get $written) (local.get $sum))
    (i32.const 0))

  ;; At its end: nothing was read.
  (func (export "fd_read") (param $file i32) (param $vector i32) (param $count i32) (param $read i32) (result i32)
    (if (local.get $file)
      (then (return (i32.const 8)))) ;; badf
    (i32.store (local.get $read) (i32.const 0))
    (i32.const 0))

  ;; 24 bytes: a stream of no particular type that can be read and written.
  (func (export "fd_fdstat_get") (param $file i32) (param $status i32) (result i32)
    (if (i32.gt_u (local.get $file) (i32.const 2))
      (then (return (i32.const 8)))) ;; badf
    (i64.store (local.get $status) (i64.const 0))
    (i64.store offset=8 (local.get $status) (i64.const 66)) ;; fd_read and fd_write
    (i64.store offset=16 (local.get $status) (i64.const 0))
    (i32.const 0))

  ;; --- exits -----------------------------------------------------------------------------------

  (func (export "proc_exit") (param i32) unreachable)
  (func (export "proc_raise") (param i32) (result i32) unreachable)

  ;; --- files and sockets: none -----------------------------------------------------------------

  ;; All of these are given the number of a file that is not there: badf. That `fd_prestat_get` says
  ;; so of the first one, tells a runtime that there are no folders.
  (func (export "fd_advise") (param i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_allocate") (param i32 i64 i64) (result i32) (i32.const 8))
  (func (export "fd_close") (param i32) (result i32) (i32.const 8))
  (func (export "fd_datasync") (param i32) (result i32) (i32.const 8))
  (func (export "fd_fdstat_set_flags") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_fdstat_set_rights") (param i32 i64 i64) (result i32) (i32.const 8))
  (func (export "fd_filestat_get") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_filestat_set_size") (param i32 i64) (result i32) (i32.const 8))
  (func (export "fd_filestat_set_times") (param i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_pread") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_prestat_dir_name") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_prestat_get") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_pwrite") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_readdir") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_renumber") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_seek") (param i32 i64 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_sync") (param i32) (result i32) (i32.const 8))
  (func (export "fd_tell") (param i32 i32) (result i32) (i32.const 8))
  (func (export "path_create_directory") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_filestat_get") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_filestat_set_times") (param i32 i32 i32 i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "path_link") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32) (i32.const 8))
  (func (export "path_readlink") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_remove_directory") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_rename") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_symlink") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_unlink_file") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_accept") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_recv") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_send") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_shutdown") (param i32 i32) (result i32) (i32.const 8))

  ;; --- no part of WASI, but of its usual adapter -----------------------------------------------

  ;; Bindings for Go ask it not to ask the host for the time while memory is allocated.
  (func (export "adapter_monotonic_clock_set_paused") (param i32))
)
