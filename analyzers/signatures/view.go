package signatures

import (
	"bytes"

	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/evidence/capture"
	"github.com/alblab/alblab/lab/wire"
)

// view is what a capture shows of a connection, as far as signatures ask.
type view struct {
	answered    bool // a SYN-ACK came
	acked       bool // the client completed the TCP handshake
	clientBytes int64
	first       []byte // the client's first bytes, where they are not TLS
	damage      string // why the hello cannot be read, "" if it can or is not complete
	incomplete  bool   // the hello began and did not end
	noHello     bool   // its first record is none of a handshake
	tooLarge    bool   // it says that it is longer than a load balancer reads
	serverHello bool
	version     wire.Version
	certRequest bool
	certificate capture.ClientCertificate // below TLS 1.3
	clientAlert *wire.Alert
	serverAlert *wire.Alert
	finished    bool         // below TLS 1.3: both sides sent ChangeCipherSpec, so the load balancer has verified everything
	flight      bool         // TLS 1.3: the client answered the load balancer's flight
	spoke       bool         // TLS 1.3: it sent more than a Finished
	sealed      bool         // TLS 1.3: all that the client said after the ServerHello is an alert
	ended       capture.Side // who ended the connection first: a fatal alert, FIN or RST
	reset       bool         // by RST
	serverReset bool         // the load balancer sent a RST, first or not
	clientReset bool         // the client did, and never sent a FIN
	again       bool         // the client asked for another handshake within the session
	lost        bool         // bytes of the client are missing
	leftUnheard bool         // the client ended it, bytes before that are missing, and no alert of it came
	silent      bool         // the load balancer closed with a FIN after the client had long been silent, or not come to an end of its hello
}

// readable methods of HTTP, as a client that takes a TLS port for a plain one begins.
var methods = []string{"GET ", "POST ", "HEAD ", "PUT ", "OPTIONS ", "DELETE ", "PATCH ", "CONNECT ", "TRACE ", "PRI * HTTP/2"}

func isHTTP(first []byte) bool {
	for _, m := range methods {
		if bytes.HasPrefix(first, []byte(m)) {
			return true
		}
	}
	return false
}

func firstLine(b []byte) string {
	if i := bytes.IndexAny(b, "\r\n"); i >= 0 {
		b = b[:i]
	}
	return string(b[:min(len(b), 60)])
}

// viewOf reads a connection's capture; of none it returns the zero view.
func viewOf(c *correlate.Conn) view {
	p := c.Capture
	if p == nil {
		return view{}
	}
	v := view{
		answered:    p.Handshake == capture.HandshakeSYNACK || p.Handshake == capture.HandshakeComplete,
		acked:       p.Handshake == capture.HandshakeComplete,
		clientBytes: p.FromClient.Data,
		first:       p.NotTLS,
		incomplete:  p.Hello == nil && p.HelloErr == nil && len(p.NotTLS) == 0 && p.FromClient.Data > 0,
		serverHello: p.ServerHello != nil,
		version:     p.Version(),
		certRequest: p.CertificateRequest,
		certificate: p.ClientCertificate,
		clientAlert: p.FromClient.Alert,
		serverAlert: p.FromServer.Alert,
		finished:    p.FromClient.ChangeCipherSpec && p.FromServer.ChangeCipherSpec,
		flight:      p.FromClient.AppData > p.FromClient.EncryptedAlerts,
		spoke:       p.FromClient.AppData > 1+p.FromClient.EncryptedAlerts,
		sealed:      p.FromClient.EncryptedAlerts > 0 && p.FromClient.AppData == p.FromClient.EncryptedAlerts,
		ended:       p.EndedBy,
		reset:       p.Ending == capture.EndingRST,
		serverReset: p.FromServer.RSTFrame != 0,
		clientReset: p.FromClient.RSTFrame != 0 && p.FromClient.FINFrame == 0,
	}
	v.again, v.lost = p.FromClient.LateHandshakes > 0, p.FromClient.Lost
	if p.HelloErr != nil {
		v.damage = p.HelloErr.Error()
		v.tooLarge = helloLen(p.HelloBytes) > helloMost
		v.noHello = len(p.HelloBytes) > 0 && (p.HelloBytes[0] == 20 || p.HelloBytes[0] == 21 || p.HelloBytes[0] == 23) // RFC 8446, section 5.1
	}
	v.silent = p.EndedBy == capture.SideServer && p.Ending == capture.EndingFIN && p.FromServer.Alert == nil &&
		p.FromClient.Data > 0 && (p.Ended.Sub(p.FromClient.DataEnd) >= patience || v.incomplete && p.Ended.Sub(p.Start) >= patience)
	// A client that closes its half at once, behind its hello, still wants an answer; a reset is the load balancer's.
	if p.ServerHello == nil && p.HelloRetry == nil && !v.incomplete && v.ended == capture.SideClient && !v.reset && v.serverReset {
		v.ended, v.reset = capture.SideServer, true
	}
	// Whoever says in an alert that it ends the handshake has ended it, whoever closes first then.
	switch server, client := p.FromServer.Alert, p.FromClient.Alert; {
	case server != nil && (client == nil || p.FromServer.AlertFrame <= p.FromClient.AlertFrame):
		v.ended = capture.SideServer
	case client != nil && v.damage == "": // in place of a hello it ends no handshake
		v.ended = capture.SideClient
	}
	v.leftUnheard = v.ended == capture.SideClient && p.FromClient.Lost && p.FromClient.Alert == nil
	return v
}
