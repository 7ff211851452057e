package alb

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
)

// subjectString and issuerString write a distinguished name as RFC 2253 has it, the last part first:
// "CN=client.example,O=Org,L=City,ST=State,C=US", the form of AWS's samples.
func subjectString(c *x509.Certificate) string { return nameString(c.RawSubject) }
func issuerString(c *x509.Certificate) string  { return nameString(c.RawIssuer) }

func nameString(raw []byte) string {
	var rdns pkix.RDNSequence
	if rest, err := asn1.Unmarshal(raw, &rdns); err != nil || len(rest) > 0 {
		return ""
	}
	var b strings.Builder
	for i := len(rdns) - 1; i >= 0; i-- {
		if i < len(rdns)-1 {
			b.WriteByte(',')
		}
		for j, a := range rdns[i] {
			if j > 0 {
				b.WriteByte('+')
			}
			writeAttribute(&b, a)
		}
	}
	return b.String()
}

// attributeName returns the short names of RFC 2253, section 2.3, and OpenSSL's for an e-mail address.
func attributeName(oid string) string {
	switch oid {
	case "2.5.4.3":
		return "CN"
	case "2.5.4.7":
		return "L"
	case "2.5.4.8":
		return "ST"
	case "2.5.4.10":
		return "O"
	case "2.5.4.11":
		return "OU"
	case "2.5.4.6":
		return "C"
	case "2.5.4.9":
		return "STREET"
	case "0.9.2342.19200300.100.1.25":
		return "DC"
	case "0.9.2342.19200300.100.1.1":
		return "UID"
	case "1.2.840.113549.1.9.1":
		return "emailAddress"
	}
	return ""
}

func writeAttribute(b *strings.Builder, a pkix.AttributeTypeAndValue) {
	oid := a.Type.String()
	value, isText := a.Value.(string)
	name := attributeName(oid)
	if name == "" || !isText {
		der, err := asn1.Marshal(a.Value)
		if err == nil {
			if name == "" {
				name = oid
			}
			b.WriteString(name + "=#" + strings.ToUpper(hex.EncodeToString(der)))
			return
		}
		value = fmt.Sprint(a.Value)
	}
	b.WriteString(name)
	b.WriteByte('=')
	for i := 0; i < len(value); i++ {
		switch ch := value[i]; {
		case strings.IndexByte(`,+"\<>;`, ch) >= 0,
			ch == '#' && i == 0,
			ch == ' ' && (i == 0 || i == len(value)-1):
			b.WriteByte('\\')
			b.WriteByte(ch)
		case ch < 0x20 || ch == 0x7f:
			fmt.Fprintf(b, `\%02X`, ch)
		default:
			b.WriteByte(ch)
		}
	}
}

// serialString writes a serial number as the logs do: its bytes in upper-case hex, "02" and not "2".
func serialString(c *x509.Certificate) string {
	b := c.SerialNumber.Bytes()
	if len(b) == 0 {
		b = []byte{0}
	}
	return strings.ToUpper(hex.EncodeToString(b))
}

// validityString is the validity in the form of the connection log and of the header to the target.
func validityString(c *x509.Certificate) string {
	const layout = "2006-01-02T15:04:05Z"
	return "NotBefore=" + c.NotBefore.UTC().Format(layout) + ";NotAfter=" + c.NotAfter.UTC().Format(layout)
}

// pemHeader writes certificates as PEM in URL encoding "with +=/ as safe characters"
// (docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html). The page's own example of
// passthrough mode has %3D for "=" all the same. Targets behind real load balancers got the three characters as they are, in
// both modes, so that decoders of forms took + for a space: github.com/wso2/api-manager/issues/3058 (passthrough) and 5085
// (verify), github.com/gravitee-io/gravitee-access-management/pull/5915.
func pemHeader(chain ...*x509.Certificate) string {
	var b strings.Builder
	for _, c := range chain {
		for _, ch := range pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}) {
			switch ch {
			case ' ':
				b.WriteString("%20")
			case '\n':
				b.WriteString("%0A")
			default:
				b.WriteByte(ch)
			}
		}
	}
	return b.String()
}
