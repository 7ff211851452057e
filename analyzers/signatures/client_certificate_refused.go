package signatures

import (
	"strings"

	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/analyzers/correlate"
	"github.com/alblab/alblab/lab/evidence"
)

func clientCertificateRefused() *analyzers.Analyzer {
	return &analyzers.Analyzer{
		Name: ClientCertificateRefused,
		Doc: "The listener verifies client certificates and refused this client's: the connection log has a code of its own, " +
			"Failed:ClientCert..., and the certificate's subject and validity.",
		Stage: analyzers.StageRefusedLater,
		Needs: []evidence.Kind{evidence.KindConnection},
		Run: func(p *analyzers.Pass) error {
			return each(p, func(c *correlate.Conn, r reading) (f analyzers.Finding, ok bool) {
				if !r.fit(ClientCertificateRefused) {
					return f, false
				}
				code := strings.TrimPrefix(c.ConnLog.VerifyStatus, "Failed:")
				f = byReading(r, certificateWords(c, code))
				if certificateCodes[code] == "" {
					f.Notes = append(f.Notes, "the code "+code+" is not among those that AWS documents")
				}
				return f, true
			})
		},
	}
}

// certificateCodes explains the codes of tls_verify_status (source:
// docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-connection-logs.html), and what to do.
var certificateCodes = map[string]string{
	"ClientCertMaxChainDepthExceeded": "its chain is longer than the limit of 4 certificates; issue it from a CA nearer to the root, or send a shorter chain",
	"ClientCertMaxSizeExceeded":       "it is larger than the load balancer reads; issue a smaller one",
	"ClientCertCrlHit":                "a revocation list of the trust store revokes it; issue a new one, or correct the list",
	"ClientCertCrlProcessingError":    "a revocation list of the trust store could not be processed; replace the list",
	"ClientCertUntrusted":             "no path leads from it to a CA of the trust store; the client must send its intermediate certificates, or the CA must be added to the trust store",
	"ClientCertNotYetValid":           "it is not valid yet; compare its notBefore with the clock",
	"ClientCertExpired":               "it has expired; renew it, or let the listener ignore expiry",
	"ClientCertTypeUnsupported":       "its key or certificate type is not supported; use RSA of 2048 bits or more, or ECDSA with P-256, P-384 or P-521",
	"ClientCertInvalid":               "it is malformed or otherwise invalid",
	"ClientCertPurposeInvalid":        "its key usage does not allow client authentication; issue it with extended key usage clientAuth",
	"ClientCertRejected":              "a check on the load balancer's side refused it",
	"ClientCertIncompatible":          "it does not fit the listener's security policy; look at its key and signature algorithm",
}

func certificateWords(c *correlate.Conn, code string) string {
	what := certificateCodes[code]
	if what == "" {
		what = "code " + code
	}
	message := "the client's certificate was refused: " + what + " (" + code + ")"
	l := c.ConnLog
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
