# shellcheck shell=bash
# What a filled cluster holds: fill/*.yaml, and what is too large or too many to be written down.

crowd_size=2500

admin_kubectl() {
    # Nothing of the caller's: neither preferences nor the discovery of another cluster.
    KUBERC=off KUBECACHEDIR=$dir/kubectl-cache "$PROGRAMS/kubectl" --kubeconfig "$dir/admin.kubeconfig" "$@"
}

# create FILE [ARGUMENT]...
create() {
    logged create --validate=strict --filename "$@"
}

# kubectl, with what it was asked in the log.
logged() {
    printf '$ kubectl %s\n' "$*"
    admin_kubectl "$@" || fail "that kubectl failed; see above"
}

fill() {
    local crowd namespace deadline=$((SECONDS + 60))
    create "$here/fill/1-cluster.yaml"
    crowd_of "$crowd_size" | create - --namespace crowd &
    crowd=$!
    # No pod is taken without it.
    for namespace in shop bank; do
        until get "/api/v1/namespaces/$namespace/serviceaccounts/default" >/dev/null; do
            ((SECONDS < deadline)) || fail "there is no default service account in $namespace after 60 s"
            sleep 0.05
        done
    done
    create "$here/fill/2-shop.yaml" --namespace shop
    create "$here/fill/2-bank.yaml" --namespace bank
    large | logged create configmap large --namespace shop --from-file text=/dev/stdin
    request | create -
    logged wait --for condition=Established --timeout 60s customresourcedefinitions --all
    create "$here/fill/3-custom.yaml"
    wait "$crowd"
    settled
    check_filled
}

# Waits until nothing rolls out any more.
settled() {
    local namespace
    for namespace in shop bank; do
        logged wait --namespace "$namespace" --for condition=Available --timeout 90s deployments --all
    done
    logged rollout status --namespace shop --timeout 90s statefulset/ledger daemonset/on-each-node
    logged wait --namespace shop --for condition=Complete --timeout 90s jobs --all
    logged wait --namespace shop --for condition=Ready --timeout 90s pods --selector app
    logged wait --namespace shop --for jsonpath='{.status.phase}'=Bound --timeout 90s persistentvolumeclaims --all
}

# So many small config maps, of which none is like another.
crowd_of() {
    awk -v n="$1" 'BEGIN {
        for (i = 1; i <= n; i++) {
            printf "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: member-%04d\n  labels: {row: \"%d\"}\n", i, i % 50
            printf "data:\n  number: \"%d\"\n  words: \"member %d of %d, in row %d\"\n", i, i, n, i % 50
        }
    }'
}

# 899,000 bytes; a config map may have 1 MiB.
large() {
    awk 'BEGIN { for (i = 1; i <= 29000; i++) printf "line %06d, and so it goes on\n", i }'
}

# A request for a certificate, which nobody will approve.
request() {
    local text
    text=$(openssl req -new -key "$dir/admin.key" -subj /O=clerks/CN=anne | base64 -w 0)
    cat <<END
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata:
  name: anne
spec:
  request: $text
  signerName: kubernetes.io/kube-apiserver-client
  usages: [client auth]
END
}

# Compares the kinds that can be created with those of which there is an object.
check_filled() {
    local types resources missing
    # A group that is down makes it fail; what is there is printed all the same. From the right: a resource need not have
    # short names.
    types=$(admin_kubectl api-resources --verbs=list,create --no-headers 2>/dev/null |
        awk '{ group = $(NF - 2); if (sub("/.*", "", group)) group = "." group; else group = ""; print $1 group, $(NF - 2), $NF }' || true)
    [[ -n $types ]] || fail "the cluster says nothing about its resources"
    resources=$(cut -d ' ' -f 1 <<<"$types" | paste -s -d ,)
    missing=$(admin_kubectl get "$resources" --all-namespaces \
        --output go-template='{{range .items}}{{.apiVersion}} {{.kind}}{{"\n"}}{{end}}' 2>/dev/null |
        sort | uniq -c | awk '
            NR == FNR { count[$2 " " $3] = $1; next }
            !count[$2 " " $3] { print $1 }' - <(printf '%s\n' "$types"))
    [[ -z $missing ]] || fail "the cluster has no object of:
$missing"
    printf 'there are objects of all %s kinds that can be created\n' "$(wc -l <<<"$types")"
}
