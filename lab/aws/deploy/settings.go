package deploy

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/aws"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/lab/policy"
)

// Settings are Terraform's variables. The private keys of the server certificates are not among them.
type Settings struct {
	Listeners         map[string]lab.Listener `json:"listeners"`
	WAF               *lab.WAF                `json:"waf"`
	AllowedCIDRs      []netip.Prefix          `json:"allowed_cidrs"`
	RunID             string                  `json:"run_id"`
	ExpiresAt         string                  `json:"expires_at"`
	Region            string                  `json:"region"`
	Owner             string                  `json:"owner"`
	AllowedAccountIDs []string                `json:"allowed_account_ids"`
	Mirror            *struct{}               `json:"mirror"`
	ForwardTarget     bool                    `json:"forward_target"`
	Boundary          string                  `json:"permissions_boundary,omitempty"`

	TrustStore         string                       `json:"trust_store"`
	RevocationLists    string                       `json:"revocation_lists"`
	RootsPEM           string                       `json:"roots_pem"`
	ServerCertificates map[string]serverCertificate `json:"server_certificates"`
	// CertificatesVersion rises with each new set: Terraform cannot see that a write-only key has changed.
	CertificatesVersion int `json:"server_certificates_version"`
}

type serverCertificate struct {
	Body  string `json:"certificate_body"`
	Chain string `json:"certificate_chain,omitempty"`
}

// Options of [Folder.Up].
type Options struct {
	Spec         lab.Spec
	Region       string
	Account      string // the only one that Terraform may build in
	Owner        string
	Expires      time.Time
	AllowedCIDRs []netip.Prefix // who may connect
	Boundary     string         // ARN of the policy that bounds the lab's roles (terraform/policies/boundary.json); "": none, or the one that it has
	NoMirror     bool           // no captures: cheaper, and scenarios that need packets are skipped
	Host         string         // in the server certificates; "": lab.alblab.example
	Terraform    string         // the program; "": terraform, else tofu, in PATH
	LongKinds    bool           // also client certificates with large RSA keys, which take minutes to make
}

// defaultHost has a dot: a listener may refuse a certificate without a full domain name.
const defaultHost = "lab.alblab.example"

// prepare mints what is not there yet and writes the variables. The private keys are returned. A lab that is up keeps its run id
// and its certificates.
func (f *Folder) prepare(o *Options) (private map[string]string, err error) {
	s := Settings{
		Listeners: map[string]lab.Listener{}, WAF: o.Spec.WAF, AllowedCIDRs: o.AllowedCIDRs, ExpiresAt: stamp(o.Expires), Region: o.Region,
		Owner: o.Owner, AllowedAccountIDs: []string{o.Account}, ServerCertificates: map[string]serverCertificate{}, Boundary: o.Boundary,
		CertificatesVersion: 1,
	}
	if !o.NoMirror {
		s.Mirror = &struct{}{}
	}
	before := "" // the run id of a lab that is up
	if old, err := f.Settings(); err == nil && f.HasState() {
		s.RunID, before = old.RunID, old.RunID
		s.CertificatesVersion = max(1, old.CertificatesVersion)
		if s.Boundary == "" {
			s.Boundary = old.Boundary // the runner's policies forbid to take it away
		}
		if !slices.Equal(old.AllowedAccountIDs, s.AllowedAccountIDs) || old.Region != s.Region {
			return nil, &aws.Problem{
				Err:  fmt.Errorf("this folder's lab is up in account %s, region %s", strings.Join(old.AllowedAccountIDs, ","), old.Region),
				Hint: "'alblab aws down' takes it down; or choose another folder with --dir",
			}
		}
	} else {
		id := make([]byte, 4)
		_, _ = rand.Read(id) // never fails
		s.RunID = hex.EncodeToString(id)
	}
	servers := map[string]bool{}
	for name, l := range o.Spec.Listeners {
		if l.MTLSMode == "" {
			l.MTLSMode = "off"
		}
		l.DefaultAction = withDefaults(l.DefaultAction)
		s.Listeners[name] = l
		s.ForwardTarget = s.ForwardTarget || l.DefaultAction.Type == "forward"
		for _, key := range serverKeys(l.Certificate) {
			servers[key] = true
		}
	}
	anew, err := f.mint(o, slices.Sorted(maps.Keys(servers)))
	if err != nil {
		return nil, err
	}
	if anew && s.RunID == before {
		s.CertificatesVersion++
	}
	private = map[string]string{}
	if err := f.readPKI(&s, private, slices.Sorted(maps.Keys(servers))); err != nil {
		return nil, err
	}
	return private, f.write(variables, s)
}

// withDefaults writes out what the zero value means: Terraform has no such value.
func withDefaults(a lab.Action) lab.Action {
	if a.Type == "" {
		a.Type = "fixed-response"
	}
	if a.StatusCode == 0 {
		a.StatusCode = 200
	}
	if a.ContentType == "" {
		a.ContentType = "text/plain"
	}
	if a.MessageBody == "" {
		a.MessageBody = "alblab ok"
	}
	return a
}

// serverKeys are the keys of a listener's certificates: "both" is an RSA and an ECDSA one.
func serverKeys(certificate string) []string {
	var keys []string
	if certificate == "" {
		certificate = "both"
	}
	for _, k := range strings.Split(certificate, ",") {
		if k == "both" {
			keys = append(keys, "rsa", "ecdsa")
			continue
		}
		keys = append(keys, k)
	}
	return keys
}

// mint makes the certificates, unless those that are there will do, and reports whether it did.
func (f *Folder) mint(o *Options, servers []string) (anew bool, err error) {
	missing := func(name string) bool {
		_, err := os.Stat(filepath.Join(f.PKI(), name))
		return err != nil
	}
	again := missing("client-ca.pem")
	for _, key := range servers {
		cert, _, _ := pki.ServerFiles(key)
		again = again || missing(cert)
		if _, err := policy.ParseCertSet(key); err != nil {
			return false, fmt.Errorf("certificate: %w", err)
		}
	}
	if !again {
		return false, nil
	}
	host := o.Host
	if host == "" {
		host = defaultHost
	}
	var kinds []pki.Kind
	for _, k := range pki.Kinds() {
		if !k.Injected && (o.LongKinds || !k.Slow) {
			kinds = append(kinds, k.Kind)
		}
	}
	return true, pki.New(host).Save(f.PKI(), servers, kinds...)
}

// readPKI fills in what Terraform gets of the certificates.
func (f *Folder) readPKI(s *Settings, private map[string]string, servers []string) error {
	var err error
	read := func(name string) string {
		b, rerr := os.ReadFile(filepath.Join(f.PKI(), name))
		if rerr != nil && err == nil {
			err = fmt.Errorf("reading certificates: %w", rerr)
		}
		return string(b)
	}
	s.RootsPEM, s.TrustStore, s.RevocationLists = read("ca.pem"), read("client-ca.pem"), read("client-ca.crl.pem")
	for _, key := range servers {
		cert, chain, privateKey := pki.ServerFiles(key)
		c := serverCertificate{Body: read(cert)}
		if b, cerr := os.ReadFile(filepath.Join(f.PKI(), chain)); cerr == nil {
			c.Chain = string(b)
		}
		s.ServerCertificates[key] = c
		private[key] = read(privateKey)
	}
	return err
}
