package signatures

import (
	"strings"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/connlog"
	"github.com/alblab/alblab/lab/policy"
)

func clientCertificateRefused() *analyzers.Analyzer {
	return &analyzers.Analyzer{
		Name: ClientCertificateRefused,
		Doc: "The listener verifies client certificates and refused this client's: the connection log has a code of its own, " +
			"Failed:ClientCert..., and the certificate's subject and validity. With Failed:UnmappedConnectionError and a subject " +
			"the client most likely does not hold the certificate's private key. Without a subject, where the packets show that one was " +
			"sent, the load balancer could not read it.",
		Stage: analyzers.StageRefusedLater,
		Needs: []evidence.Kind{evidence.KindConnection},
		Run: func(p *analyzers.Pass) error {
			return each(p, func(c *correlate.Conn, r reading) (f analyzers.Finding, ok bool) {
				if !r.fit(ClientCertificateRefused) || c.ConnLog == nil {
					return f, false
				}
				code := strings.TrimPrefix(c.ConnLog.VerifyStatus, "Failed:")
				f = byReading(r, certificateWords(c.ConnLog, code, p.Listener(c).Policy))
				if certificateCodes[code] == "" {
					f.Notes = append(f.Notes, "the code "+code+" is not among those that AWS documents")
				}
				return f, true
			})
		},
	}
}

// unmapped is the code of every failure without one of its own.
const unmapped = "UnmappedConnectionError"

// certificateCodes explains the codes of tls_verify_status (source:
// docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-connection-logs.html), and what to do. The limits
// are those of load-balancer-limits.html and mutual-authentication.html in the same guide.
var certificateCodes = map[string]string{
	"ClientCertMaxChainDepthExceeded": "its chain is longer than the limit of 4 certificates; issue it from a CA nearer to the root, or send a shorter chain",
	"ClientCertMaxSizeExceeded":       "with its chain it is larger than a TLS message may be, 64 K; issue a smaller one, or send a shorter chain",
	"ClientCertCrlHit":                "a revocation list of the trust store revokes it or a CA above it; issue a new one, or correct the list",
	"ClientCertCrlProcessingError":    "a revocation list of the trust store could not be processed; check that the CA has signed each list, and upload them anew",
	"ClientCertUntrusted":             "no path leads from it to a CA of the trust store; the client must send its intermediate certificates, or the CA must be added to the trust store; a CA in between may also lack the right to issue it (CA flag, name constraints)",
	"ClientCertNotYetValid":           "it is not valid yet; compare its notBefore with the clock of whoever issued it",
	"ClientCertExpired":               "it has expired; renew it, or let the listener ignore expiry",
	"ClientCertTypeUnsupported":       "its key or certificate type is not supported; " + supportedKeys,
	"ClientCertInvalid":               "it is malformed or otherwise invalid; issue an X.509 version 3 certificate, signed with SHA-256 or better",
	"ClientCertPurposeInvalid":        "its key usage does not allow client authentication; issue it with key usage digitalSignature and extended key usage clientAuth",
	"ClientCertRejected":              "a check on the load balancer's side refused it, and the log says no more; take the line's conn_trace_id to AWS Support",
	"ClientCertIncompatible":          "it, or a certificate of its chain, is signed with an algorithm that the listener's security policy does not allow",
	unmapped: "the client sent it, and the handshake failed for no reason of the certificate's own; most likely the client does not hold its " +
		"private key: check that key and certificate belong together",
}

const supportedKeys = "use RSA of 2048 to 8192 bits, or ECDSA with P-256, P-384 or P-521"

func certificateWords(l *connlog.Record, code string, p *policy.Policy) string {
	what := certificateCodes[code]
	switch {
	case what == "":
		what = "code " + code
	case code == unmapped && l.LeafSubject == "":
		what = "the client sent it, and the load balancer could not read it, or what came with it; " + supportedKeys
	case code == "ClientCertExpired" && l.LeafNotAfter.After(l.Time):
		what = "it is still valid, so a CA certificate above it has expired; renew that, or let the listener ignore expiry"
	case code == "ClientCertNotYetValid" && !l.LeafNotBefore.IsZero() && l.LeafNotBefore.Before(l.Time):
		what = "it is valid already, so a CA certificate above it is not; compare its notBefore with the clock of whoever issued it"
	case code == "ClientCertIncompatible":
		what += allowedWords(p)
	}
	message := "the client's certificate was refused: " + what + " (" + code + ")"
	var is []string
	if l.LeafSubject != "" {
		is = append(is, "subject "+l.LeafSubject)
	}
	if l.LeafSerial != "" {
		is = append(is, "serial "+l.LeafSerial)
	}
	const day = "2006-01-02"
	if !l.LeafNotBefore.IsZero() && code == "ClientCertNotYetValid" {
		is = append(is, "not before "+l.LeafNotBefore.UTC().Format(day))
	}
	if !l.LeafNotAfter.IsZero() {
		is = append(is, "not after "+l.LeafNotAfter.UTC().Format(day))
	}
	if len(is) > 0 {
		message += "; " + strings.Join(is, ", ")
	}
	return message
}

// allowedWords says which signatures a policy allows in certificates, where it is known and binds them.
func allowedWords(p *policy.Policy) string {
	const most = 4
	if p == nil || len(p.CertSchemes) == 0 || len(p.CertSchemes) > most {
		return "; compare the signatures of its chain with what the policy allows"
	}
	names := make([]string, len(p.CertSchemes))
	for i, s := range p.CertSchemes {
		names[i] = s.String()
	}
	return "; " + p.Name + " allows " + strings.Join(names, ", ")
}
