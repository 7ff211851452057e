package main

import (
	"fmt"
	"strings"

	"github.com/alblab/alblab/lab"
	"github.com/alblab/alblab/lab/pki"
	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// banner says where the load balancer is and what to try.
func (a *app) banner(doors []door, api *awsDoor, spec lab.Spec, f *serveFlags, keys *pki.Files) error {
	w := a.out
	for _, d := range doors {
		l := spec.Listeners[d.name]
		p, err := policy.ByName(policyOr(l.SSLPolicy))
		if err != nil {
			return err
		}
		mtls := l.MTLSMode
		if mtls == "" {
			mtls = "off"
		}
		url := "https://" + d.gateway.Addr().String() + "/"
		fmt.Fprintf(w, "listening on %s (listener %s, port %d in the lab, mTLS %s)\n  %s\n", url, d.name, l.Port, mtls, p.Name)
		curl := "curl --cacert " + shellQuote(keys.Roots)
		cert := keys.Certs[pki.KindGoodECDSA] // none where no listener asks for one
		with := fmt.Sprintf(" --cert %s --key %s", shellQuote(cert[0]), shellQuote(cert[1]))
		fmt.Fprintln(w, "try:")
		switch mtls {
		case "off":
			fmt.Fprintf(w, "  %s %s\n", curl, url)
		default:
			fmt.Fprintf(w, "  %s%s %s\n  %s %s    # without a certificate\n", curl, with, url, curl, url)
		}
		if lowest := p.Versions[0]; lowest > wire.TLS11 {
			old := map[wire.Version]string{wire.TLS12: "1.1", wire.TLS13: "1.2"}[lowest]
			fmt.Fprintf(w, "  %s --tls-max %s -v %s    # too old: refused\n", curl, old, url)
		}
		if spec.WAF != nil && len(spec.WAF.BlockForwardedIPs) > 0 && f.spec == "" {
			extra := ""
			if mtls == "verify" {
				extra = with
			}
			fmt.Fprintf(w, "  %s%s -H 'X-Forwarded-For: %s' %s    # AWS WAF blocks it\n", curl, extra, spec.WAF.BlockForwardedIPs[0].Addr(), url)
		}
	}
	api.banner(a, &f.aws)
	if f.allowRemote {
		a.warn("other machines may reach the lab: it is no production proxy")
	}
	fmt.Fprintf(w, "Ctrl-C ends it.\n\n")
	return w.Flush()
}

// policyOr is the policy of a listener that names none: the API's default.
func policyOr(name string) string {
	if name == "" {
		return "ELBSecurityPolicy-2016-08"
	}
	return name
}

// shellQuote quotes a path for a shell if it needs that.
func shellQuote(s string) string {
	if strings.IndexFunc(s, func(r rune) bool {
		return !(r == '/' || r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	}) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
