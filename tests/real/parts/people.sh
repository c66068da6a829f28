# shellcheck shell=bash
# One cluster in the background for the person at the keyboard, in a folder that is always the same.

background=$cache/up

# From here on nobody else starts or stops it.
alone() {
    need flock
    mkdir -p -- "$cache"
    exec {alone}>"$background.lock"
    flock -n "$alone" || fail 'another up or down is going on'
}

# Prints the process id of the shell that serves the cluster, if it runs.
serving() {
    local pid since
    { read -r pid since <"$background.pid"; } 2>/dev/null || return 1
    [[ $(started "$pid") == "$since" ]] && printf '%s\n' "$pid"
}

people_up() {
    local pid programs began=$SECONDS
    if serving >/dev/null; then
        say 'it runs already'
        people_status
        return 0
    fi
    programs=$(build)
    alone
    rm -rf -- "$background" "$background".{pid,lifeline,out}
    say 'starting the cluster, and filling it'
    # A pipe that its reader holds open itself never ends; so only a signal does.
    mkfifo -m 600 -- "$background.lifeline"
    setsid "$self" serve "$background" <>"$background.lifeline" >"$background.out" 2>&1 {alone}>&- &
    pid=$!
    printf '%s %s\n' "$pid" "$(started "$pid")" >"$background.pid"
    until grep -qx ready "$background.out"; do
        serving >/dev/null || fail "the cluster did not start:
$(<"$background.out")"
        sleep 0.1
    done
    say "a cluster runs, ready after $((SECONDS - began)) s"
    cat <<END

  $(grep -o 'https://.*' "$background/admin.kubeconfig"), Kubernetes $(pinned kubernetes k8s.io/kubernetes); namespaces shop, bank, empty and crowd

  export KUBECONFIG=$background/admin.kubeconfig
  minutebook run --kubeconfig "\$KUBECONFIG" --once --audit-dir ./audit
  $programs/kubectl get deployments

  tests/real/cluster shell    a shell in which kubectl is this one
  tests/real/cluster down     stops and removes it
END
}

people_down() {
    local pid deadline=$((SECONDS + 30))
    alone
    if pid=$(serving); then
        kill -TERM "$pid"
        while serving >/dev/null; do
            ((SECONDS < deadline)) || fail "process $pid, which serves the cluster, does not end"
            sleep 0.05
        done
        say 'the cluster is stopped'
    else
        say 'no cluster runs'
    fi
    rm -rf -- "$background" "$background".{pid,lifeline,out}
}

people_shell() {
    serving >/dev/null || fail 'no cluster runs; tests/real/cluster up starts one'
    enter "$background"
    say "kubectl talks to the cluster; leave with exit"
    PATH=$PROGRAMS:$PATH KUBECONFIG=$dir/admin.kubeconfig exec "${SHELL:-bash}" "$@"
}

people_status() {
    local name pid
    serving >/dev/null || {
        printf 'no cluster runs\n'
        return 1
    }
    enter "$background"
    printf 'KUBECONFIG=%s/admin.kubeconfig\n' "$dir"
    for name in "${served[@]}"; do
        if pid=$(pid_of "$name"); then
            printf '%-24s runs, process %s, port %s\n' "$name" "$pid" "$(port_of "$name")"
        else
            printf '%-24s does not run; its log: %s\n' "$name" "$dir/logs/$name.log"
        fi
    done
}
