package alb

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"sync"
)

// revocationList is one list of a trust store, as a set: looking a certificate up takes the same time in any list.
type revocationList struct {
	list    *x509.RevocationList // without its entries, for the signature
	serials map[string]struct{}  // bytes of the revoked certificates' serial numbers

	mu     sync.Mutex
	signed map[[32]byte]bool // by an issuer's fingerprint: whether it signed the list
}

// removeFromCRL is the reason of an entry that revokes nothing (RFC 5280, section 5.3.1).
const removeFromCRL = 8

func (ts *TrustStore) readCRLs(crls [][]byte) error {
	if len(crls) > maxCRLs {
		return fmt.Errorf("%d revocation lists, %d are allowed", len(crls), maxCRLs)
	}
	entries := 0
	for i, der := range crls {
		if len(der) > maxCRLSize {
			return fmt.Errorf("revocation list %d has %d bytes, %d are allowed", i+1, len(der), maxCRLSize)
		}
		if block, _ := pem.Decode(der); block != nil {
			der = block.Bytes
		}
		l, err := x509.ParseRevocationList(der)
		if err != nil {
			return fmt.Errorf("revocation list %d: %w", i+1, err)
		}
		if entries += len(l.RevokedCertificateEntries); entries > maxRevocationEntries {
			return fmt.Errorf("%d entries in revocation lists 1 to %d, %d are allowed", entries, i+1, maxRevocationEntries)
		}
		k := string(l.RawIssuer)
		ts.crls[k] = append(ts.crls[k], newRevocationList(l))
	}
	return nil
}

func newRevocationList(l *x509.RevocationList) *revocationList {
	r := &revocationList{list: l, serials: make(map[string]struct{}, len(l.RevokedCertificateEntries)), signed: map[[32]byte]bool{}}
	for i := range l.RevokedCertificateEntries {
		if e := &l.RevokedCertificateEntries[i]; e.ReasonCode != removeFromCRL {
			r.serials[string(e.SerialNumber.Bytes())] = struct{}{}
		}
	}
	l.RevokedCertificateEntries = nil
	return r
}

// maxIssuers bounds what a list remembers of issuers. CAs of one name are few; strangers come after a path was found only.
const maxIssuers = 64

// isFrom reports whether an issuer signed the list.
func (r *revocationList) isFrom(issuer *x509.Certificate) bool {
	k := fingerprint(issuer)
	r.mu.Lock()
	defer r.mu.Unlock()
	signed, known := r.signed[k]
	if !known {
		if len(r.signed) >= maxIssuers {
			clear(r.signed)
		}
		signed = r.list.CheckSignatureFrom(issuer) == nil
		r.signed[k] = signed
	}
	return signed
}

// revoked looks the path's certificates up in the lists that their issuers have signed.
//
// Assumption: a list past its next update still counts, s2n-tls checks no dates of lists unless asked to; and the whole path
// is looked up, the trust store's own certificate apart.
func (ts *TrustStore) revoked(path []*x509.Certificate) bool {
	for i, c := range path[:max(len(path)-1, 0)] {
		for _, l := range ts.crls[string(c.RawIssuer)] {
			if _, listed := l.serials[string(c.SerialNumber.Bytes())]; listed && l.isFrom(path[i+1]) {
				return true
			}
		}
	}
	return false
}
