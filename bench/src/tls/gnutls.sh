# A server of GnuTLS, and its client, in a network of their own: the server listens on every address.
# gnutls.sh PORT FOLDER SECONDS: FOLDER has the certificates and ask.py.
set -e
ip link set lo up
gnutls-serv --http --quiet --port "$1" --x509certfile "$2/certificates/server.pem" \
  --x509keyfile "$2/certificates/server.key" > "$2/gnutls.log" 2>&1 < /dev/null &
server=$!
trap 'kill $server' EXIT
listening=$(printf ':%04X 0*:0000 0A' "$1")
while ! grep -q "$listening" /proc/net/tcp /proc/net/tcp6; do sleep 0.05; done
python3 "$2/ask.py" "$1" "$3"
