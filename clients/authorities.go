package clients

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
)

// authorities writes the names of the authorities whose certificates a server accepts, as RFC 2253 has them; what is no name
// in hex.
func authorities(raw [][]byte) []string {
	var names []string
	for _, der := range raw {
		var rdns pkix.RDNSequence
		if rest, err := asn1.Unmarshal(der, &rdns); err != nil || len(rest) > 0 {
			names = append(names, "#"+hex.EncodeToString(der))
			continue
		}
		names = append(names, rdns.String())
	}
	return names
}
