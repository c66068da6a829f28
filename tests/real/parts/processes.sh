# shellcheck shell=bash
# The programs as processes: their ports and flags, and how they are started, watched and ended.
#
# Each one is known by run/NAME.pid, which holds its process id and the time it started: a number that the kernel has given
# to another process in the meantime is never signalled.

served=(etcd kube-apiserver kube-controller-manager kube-scheduler kwok)

known() {
    local name
    for name in "${served[@]}"; do
        [[ $name != "$1" ]] || return 0
    done
    fail "there is no program $1; there are: ${served[*]}"
}

# --- ports ------------------------------------------------------------------------------------

# The inode of the socket that listens on a port of 127.0.0.1 or of all addresses; nothing if there is none.
listener() {
    local address
    address=$(printf ':%04X' "$1")
    # Without IPv6 there is no tcp6.
    { cat /proc/net/tcp /proc/net/tcp6 2>/dev/null || true; } |
        awk -v port="$address" '$4 == "0A" && substr($2, length($2) - 4) == port { print $10; exit }'
}

# Below the range from which the kernel takes ports for connections.
choose_ports() {
    local name port taken=' '
    for name in ETCD_PORT ETCD_PEER_PORT APISERVER_PORT KUBE_CONTROLLER_MANAGER_PORT KUBE_SCHEDULER_PORT KWOK_PORT; do
        while true; do
            port=$((20000 + RANDOM % 12000))
            [[ $taken == *" $port "* || -n $(listener "$port") ]] || break
        done
        taken+="$port "
        printf -v "$name" '%s' "$port"
        printf '%s=%s\n' "$name" "$port"
    done >"$dir/ports"
    # shellcheck source=/dev/null
    source "$dir/ports"
    make_kubeconfigs
}

port_of() {
    case $1 in
    etcd) printf '%s\n' "$ETCD_PORT" ;;
    kube-apiserver) printf '%s\n' "$APISERVER_PORT" ;;
    kube-controller-manager) printf '%s\n' "$KUBE_CONTROLLER_MANAGER_PORT" ;;
    kube-scheduler) printf '%s\n' "$KUBE_SCHEDULER_PORT" ;;
    kwok) printf '%s\n' "$KWOK_PORT" ;;
    esac
}

# --- what is started --------------------------------------------------------------------------

# Sets argv to the command line of a program.
command_of() {
    local -a more=()
    local client peer stage
    argv=("$PROGRAMS/$1")
    case $1 in
    etcd)
        client=http://127.0.0.1:$ETCD_PORT peer=http://127.0.0.1:$ETCD_PEER_PORT
        # Without fsync: what the kernel has is enough for a process that is killed.
        argv+=(--data-dir "$dir/etcd" --unsafe-no-fsync --log-level warn
            --listen-client-urls "$client" --advertise-client-urls "$client" --listen-peer-urls "$peer"
            --initial-advertise-peer-urls "$peer" --initial-cluster "default=$peer")
        ;;
    kube-apiserver)
        # Nobody makes the service accounts that pods want where no controller runs.
        [[ -z $BARE ]] || more+=(--disable-admission-plugins=ServiceAccount)
        argv+=("--etcd-servers=http://127.0.0.1:$ETCD_PORT" --bind-address=127.0.0.1 --advertise-address=127.0.0.1
            "--secure-port=$APISERVER_PORT" "--tls-cert-file=$dir/server.crt" "--tls-private-key-file=$dir/server.key"
            "--client-ca-file=$dir/ca.crt" --authorization-mode=Node,RBAC
            --service-cluster-ip-range=10.0.0.0/24 --endpoint-reconciler-type=none
            "--service-account-key-file=$dir/sa.pub" "--service-account-signing-key-file=$dir/sa.key"
            --service-account-issuer=https://kubernetes.default.svc
            --enable-aggregator-routing=true "--requestheader-client-ca-file=$dir/ca.crt"
            --requestheader-allowed-names=aggregator --requestheader-username-headers=X-Remote-User
            --requestheader-group-headers=X-Remote-Group --requestheader-extra-headers-prefix=X-Remote-Extra-
            "--proxy-client-cert-file=$dir/aggregator.crt" "--proxy-client-key-file=$dir/aggregator.key"
            # Else it waits a minute after TERM for the controllers, which never stop watching.
            --shutdown-watch-termination-grace-period=1s "${more[@]}")
        read -r -d '' -a more <<<"$APISERVER_FLAGS" || true
        argv+=("${more[@]}")
        ;;
    kube-controller-manager)
        argv+=(--kubeconfig "$dir/$1.kubeconfig" --leader-elect=false --bind-address=127.0.0.1
            "--secure-port=$KUBE_CONTROLLER_MANAGER_PORT" --use-service-account-credentials --allocate-node-cidrs=false
            "--service-account-private-key-file=$dir/sa.key" "--root-ca-file=$dir/ca.crt")
        ;;
    kube-scheduler)
        argv+=(--kubeconfig "$dir/$1.kubeconfig" --leader-elect=false --bind-address=127.0.0.1
            "--secure-port=$KUBE_SCHEDULER_PORT")
        ;;
    kwok)
        # Without leases the nodes would be taken for dead after 40 s. A kwok that is started again has to wait for its old ones
        # to run out.
        argv+=(--kubeconfig "$dir/admin.kubeconfig" --manage-all-nodes=true --enable-crds= --node-lease-duration-seconds=20
            "--server-address=127.0.0.1:$KWOK_PORT")
        for stage in "$PROGRAMS"/stages/*.yaml; do
            argv+=(--config "$stage")
        done
        ;;
    fill) argv=("$self" fill "$dir") ;;
    esac
}

# Starts a program in a session of its own: no terminal's Ctrl-C reaches it, and what it starts can be killed with it.
launch() {
    local argv pid
    command_of "$1"
    (
        # It must be known before it runs, or nobody would end it. ($BASHPID within $(…) would be another one.)
        pid=$BASHPID
        printf '%s %s\n' "$pid" "$(started "$pid")" >"$dir/run/$1.pid"
        [[ ! -e $dir/run/ending ]] || exit 1
        unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
        cd -- "$dir"
        exec setsid "${argv[@]}" </dev/null >>"$dir/logs/$1.log" 2>&1
    ) &
    pid=$!
    disown
    # Known also before anybody asks whether it lives.
    until [[ -s $dir/run/$1.pid && $(<"$dir/run/$1.pid") == "$pid "* ]]; do
        kill -0 "$pid" 2>/dev/null || break
    done
}

# --- whether it lives and answers -------------------------------------------------------------

# When a process started, in ticks since boot; fails if it is gone or only waits to be reaped.
started() {
    local stat
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
    # Behind the name, which may contain anything: state, parent, …; the start is the 20th of these.
    read -r -a stat <<<"${stat##*) }"
    [[ ${stat[0]} != [ZX] ]] && printf '%s\n' "${stat[19]}"
}

# Prints a program's process id if it lives.
pid_of() {
    local pid since
    { read -r pid since <"$dir/run/$1.pid"; } 2>/dev/null || return 1
    [[ $(started "$pid") == "$since" ]] && printf '%s\n' "$pid"
}

# get PATH: asks the API server as admin.
get() {
    curl --silent --fail --noproxy '*' --max-time 10 --cacert "$dir/ca.crt" --cert "$dir/admin.crt" --key "$dir/admin.key" \
        "https://127.0.0.1:$APISERVER_PORT$1"
}

answers() {
    local curl=(curl --silent --fail --noproxy '*' --max-time 5 --output /dev/null)
    case $1 in
    etcd) "${curl[@]}" "http://127.0.0.1:$ETCD_PORT/health" ;;
    # The namespace comes a moment after the server calls itself ready.
    kube-apiserver) get /readyz >/dev/null && get /api/v1/namespaces/default >/dev/null ;;
    kwok) "${curl[@]}" "http://127.0.0.1:$KWOK_PORT/healthz" ;;
    *) "${curl[@]}" --insecure "https://127.0.0.1:$(port_of "$1")/healthz" ;;
    esac
}

# Returns when a program answers, on its own port. Fails if another process has that port; ends all if it does not start.
await() {
    local name=$1 pid inode deadline=$((SECONDS + 90))
    while true; do
        pid=$(pid_of "$name") || break
        inode=$(listener "$(port_of "$name")")
        if [[ -n $inode ]] && owns "$pid" "$inode" && answers "$name"; then
            return 0
        fi
        ((SECONDS < deadline)) || fail "$name does not answer after 90 s; the last it said:
$(tail -n 10 -- "$dir/logs/$name.log")"
        sleep 0.05
    done
    if tail -n 20 -- "$dir/logs/$name.log" | grep -q 'address already in use'; then
        return 1
    fi
    fail "$name ended; the last it said:
$(tail -n 10 -- "$dir/logs/$name.log")"
}

owns() {
    find "/proc/$1/fd" -lname "socket:\[$2\]" -print -quit 2>/dev/null | grep -q .
}

# --- ending -----------------------------------------------------------------------------------

# gone NAME SECONDS: whether it is gone in that time.
gone() {
    local deadline=$((SECONDS + $2))
    while pid_of "$1" >/dev/null; do
        ((SECONDS < deadline)) || return 1
        sleep 0.02
    done
}

# stop_one NAME [--kill]
stop_one() {
    local pid
    pid=$(pid_of "$1") || fail "$1 does not run"
    if [[ ${2-} == --kill ]]; then
        kill -KILL "$pid"
    else
        kill -TERM "$pid"
    fi
    gone "$1" 90 || fail "$1 still runs after 90 s; stop $1 $dir --kill ends it at once"
    rm -f -- "$dir/run/$1.pid"
}

start_again() {
    umask 077
    ! pid_of "$1" >/dev/null || fail "$1 runs already"
    [[ ! -e $dir/run/ending ]] || fail "the cluster in $dir has ended"
    launch "$1"
    await "$1" || fail "somebody else has taken the port of $1, $(port_of "$1")"
}

# Kills every program, whoever started it.
kill_programs() {
    local name pid
    for name in fill "${served[@]}"; do
        if pid=$(pid_of "$name"); then
            # A moment after its start it does not lead its group yet.
            kill -KILL -- "-$pid" 2>/dev/null || kill -KILL "$pid" 2>/dev/null || true
        fi
    done
    for name in fill "${served[@]}"; do
        gone "$name" 10 || say "$name cannot be killed"
        rm -f -- "$dir/run/$name.pid"
    done
}

# Kills every program for good: what is just being started sees the mark, or is seen.
end_all() {
    if [[ -d $dir/run ]]; then
        : >"$dir/run/ending"
    fi
    kill_programs
}
