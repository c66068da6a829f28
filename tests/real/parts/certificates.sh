# shellcheck shell=bash
# Keys and certificates for one cluster, fresh each time, and the kubeconfigs made from them.

# make_certificate NAME SUBJECT [EXTENSION]...
make_certificate() {
    local name=$1 subject=$2
    shift 2
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$subject" \
        -keyout "$dir/$name.key" -out "$dir/$name.csr" 2>>"$dir/logs/openssl.log" &&
        openssl x509 -req -in "$dir/$name.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -set_serial "0x$(openssl rand -hex 8)" \
            -days 365 -sha256 -extfile <(printf '%s\n' "$@") -out "$dir/$name.crt" 2>>"$dir/logs/openssl.log" ||
        fail "openssl made no certificate for $name; see $dir/logs/openssl.log"
    rm -- "$dir/$name.csr"
}

make_certificates() {
    local client=extendedKeyUsage=clientAuth
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=minutebook-real -days 365 -sha256 \
        -keyout "$dir/ca.key" -out "$dir/ca.crt" 2>>"$dir/logs/openssl.log" ||
        fail "openssl made no certificate authority; see $dir/logs/openssl.log"
    make_certificate server /CN=kube-apiserver extendedKeyUsage=serverAuth \
        subjectAltName=IP:127.0.0.1,IP:10.0.0.1,DNS:localhost,DNS:kubernetes.default,DNS:kubernetes.default.svc
    make_certificate aggregator /CN=aggregator "$client"
    make_certificate admin /O=system:masters/CN=admin "$client"
    make_certificate kube-controller-manager /CN=system:kube-controller-manager "$client"
    make_certificate kube-scheduler /CN=system:kube-scheduler "$client"
    # What signs service accounts' tokens.
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$dir/sa.key" 2>>"$dir/logs/openssl.log" &&
        openssl pkey -in "$dir/sa.key" -pubout -out "$dir/sa.pub" ||
        fail "openssl made no key for service accounts; see $dir/logs/openssl.log"
}

# Writes $dir/NAME.kubeconfig for each client; the port must be known.
make_kubeconfigs() {
    local name
    for name in admin kube-controller-manager kube-scheduler; do
        cat >"$dir/$name.kubeconfig" <<END
apiVersion: v1
kind: Config
clusters:
- name: real
  cluster:
    server: https://127.0.0.1:$APISERVER_PORT
    certificate-authority-data: $(base64 -w 0 "$dir/ca.crt")
users:
- name: $name
  user:
    client-certificate-data: $(base64 -w 0 "$dir/$name.crt")
    client-key-data: $(base64 -w 0 "$dir/$name.key")
contexts:
- name: $name
  context:
    cluster: real
    user: $name
    namespace: shop
current-context: $name
END
    done
}
