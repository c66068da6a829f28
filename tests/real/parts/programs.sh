# shellcheck shell=bash
# The programs of the cluster: built once from pinned Go modules, kept under the cache.
#
# A folder of programs is complete or does not exist; its name says what it was built from: a digest of programs/, of how
# they are built, and Go's version.

all_programs=(etcd kube-apiserver kubectl kube-controller-manager kube-scheduler kwok)

# The version that go.mod in programs/$1 pins for the module $2.
pinned() {
    sed -n "s#^require $2 \(v[^ ]*\).*#\1#p" "$here/programs/$1/go.mod"
}

# Prints the names of the programs that KUBEBUILDER_ASSETS has.
assets() {
    local name
    [[ -n ${KUBEBUILDER_ASSETS-} ]] || return 0
    for name in etcd kube-apiserver kubectl; do
        if [[ -x $KUBEBUILDER_ASSETS/$name ]]; then
            printf '%s\n' "$name"
        elif [[ $name != kubectl ]]; then
            fail "KUBEBUILDER_ASSETS is $KUBEBUILDER_ASSETS, and there is no $name in it"
        fi
    done
}

# The name of the folder without Go's version.
digest() {
    local taken
    taken=$(assets) || exit
    {
        cat -- "$here"/programs/*/{go.mod,go.sum,tools.go}
        declare -f build_into build_one pinned
        [[ -z $taken ]] || printf '%s\n' "$KUBEBUILDER_ASSETS" "$taken"
    } | sha256sum | cut -c 1-16
}

# Go's version, as it would build these modules; fails if there is none that can.
go_version() {
    command -v go >/dev/null && (cd -- "$here/programs/kubernetes" && go env GOVERSION 2>/dev/null)
}

# Prints the folder of the programs, or fails. Without Go any Go's programs are good.
programs_if_built() {
    local digest version folder
    digest=$(digest) || exit
    version=$(go_version) || version='*'
    for folder in "$cache/$digest-"$version; do
        if [[ -d $folder && $folder != *.part ]]; then
            printf '%s\n' "$folder"
            return 0
        fi
    done
    return 1
}

build_check() {
    local folder
    if folder=$(programs_if_built); then
        printf 'built: %s\n' "$folder"
    else
        printf 'not built; run tests/real/cluster build (once; about ten minutes, and it needs Go 1.26 or later)\n'
        return 1
    fi
}

# Prints the folder of the programs; builds them before, if they are not there.
build() {
    local folder version
    if programs_if_built; then
        return 0
    fi
    command -v go >/dev/null ||
        fail 'the programs are built with Go, and there is no go; install Go 1.26 or later: https://go.dev/dl/ (what Debian 13 packages is too old)'
    version=$(go_version) ||
        fail "$(go version 2>&1) is too old for these programs; install Go 1.26 or later: https://go.dev/dl/"
    need flock sha256sum
    mkdir -p -- "$cache"
    # One build at a time; who waited finds the work done.
    exec {lock}>"$cache/lock"
    if ! flock -n "$lock"; then
        say 'another build is going on; waiting for it'
        flock "$lock"
    fi
    if programs_if_built; then
        return 0
    fi
    folder=$cache/$(digest)-$version
    rm -rf -- "$folder.part"
    mkdir -- "$folder.part"
    build_into "$folder.part"
    mv -- "$folder.part" "$folder"
    exec {lock}>&-
    printf '%s\n' "$folder"
}

# build_into FOLDER
build_into() {
    local folder=$1 began=$SECONDS name taken kubernetes major minor stamp stages
    taken=" $(assets | tr '\n' ' ')"
    for name in $taken; do
        ln -s -- "$(cd -- "$KUBEBUILDER_ASSETS" && pwd)/$name" "$folder/$name"
    done
    kubernetes=$(pinned kubernetes k8s.io/kubernetes)
    IFS=. read -r major minor _ <<<"${kubernetes#v}"
    # Without these the programs call themselves v0.0.0.
    stamp=k8s.io/component-base/version.git
    stamp="-X ${stamp}Version=$kubernetes -X ${stamp}Major=$major -X ${stamp}Minor=$minor"
    for name in "${all_programs[@]}"; do
        [[ $taken != *" $name "* ]] || continue
        say "building $name (after $((SECONDS - began)) s)"
        case $name in
        etcd) build_one etcd '' go.etcd.io/etcd/server/v3 ;;
        kwok) build_one kwok '' sigs.k8s.io/kwok/cmd/kwok ;;
        *) build_one kubernetes "$stamp" "k8s.io/kubernetes/cmd/$name" ;;
        esac
    done
    # What kwok does with nodes and pods.
    stages=$(cd -- "$here/programs/kwok" && go list -mod=readonly -m -f '{{.Dir}}' sigs.k8s.io/kwok)/kustomize/stage
    mkdir -- "$folder/stages"
    cp -- "$stages"/node/fast/node-initialize.yaml "$stages"/pod/fast/pod-{ready,complete,delete}.yaml "$folder/stages/"
    chmod u+w -- "$folder"/stages/*
    say "built everything in $((SECONDS - began)) s"
}

# build_one MODULE STAMP PACKAGE, into $folder/$name
build_one() {
    (
        exec {lock}>&-
        cd -- "$here/programs/$1"
        CGO_ENABLED=0 go build -mod=readonly -buildvcs=false -trimpath -ldflags "-s -w $2" -o "$folder/$name" "$3" >&2
    ) || fail "$name was not built; go says why above (the first build fetches Go modules)"
}
