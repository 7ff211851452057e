package alb

import "github.com/alblab/alblab/lab/wire"

// alertWatch looks at the client's records for an alert in the clear. In TLS 1.3 a client that refuses the load balancer's flight may
// have no keys yet to encrypt its alert with: OpenSSL's sends it so, and s2n-tls reads it (github.com/aws/s2n-tls,
// tls/s2n_record_read.c, s2n_is_tls13_plaintext_content). crypto/tls takes it for a broken record.
type alertWatch struct {
	head  [7]byte // a record's header, and the first two bytes of its body
	have  int
	skip  int // bytes of the body that are still to come
	alert *wire.Alert
}

// feed takes what comes, in any pieces.
func (w *alertWatch) feed(b []byte) {
	const header, body = 5, 2
	for len(b) > 0 && w.alert == nil {
		if w.skip > 0 {
			n := min(w.skip, len(b))
			w.skip -= n
			b = b[n:]
			continue
		}
		want := header
		if w.have >= header {
			want += body
		}
		n := copy(w.head[w.have:want], b)
		w.have += n
		b = b[n:]
		if w.have < want {
			return
		}
		length := int(w.head[3])<<8 | int(w.head[4])
		switch {
		case want > header:
			w.alert = &wire.Alert{Level: w.head[5], Description: w.head[6]}
		case w.head[0] == recordAlert && length == body:
		default:
			w.have, w.skip = 0, length
		}
	}
}
