package clients

import "github.com/alblab/alblab/lab/wire"

// Curl is curl 7.88 with OpenSSL 3, as Debian 12 ships it: TLS 1.0 to 1.3, HTTP/2 and 1.1.
func Curl() *Profile {
	return &Profile{
		Name: "curl", Doc: "curl 7.88 with OpenSSL 3: TLS 1.0 to 1.3, h2 and http/1.1",
		ALPN: []string{"h2", "http/1.1"},
	}
}

// like makes a variant of Curl.
func like(name, doc string, change func(*Profile)) *Profile {
	p := Curl()
	p.Name, p.Doc = name, doc
	change(p)
	return p
}

// opensslProfiles are curl with its options.
func opensslProfiles() []*Profile {
	return []*Profile{
		Curl(),
		like("curl-http1", "curl --http1.1", func(p *Profile) { p.ALPN = []string{"http/1.1"} }),
		like("curl-no-alpn", "curl --no-alpn: no application protocol offered", func(p *Profile) { p.ALPN = nil }),
		like("tls13-only", "curl --tlsv1.3", func(p *Profile) { p.MinVersion = wire.TLS13 }),
		like("tls12-only", "curl --tlsv1.2 --tls-max 1.2", func(p *Profile) { p.MinVersion, p.MaxVersion = wire.TLS12, wire.TLS12 }),
		like("tls12-max", "curl --tls-max 1.2", func(p *Profile) { p.MaxVersion = wire.TLS12 }),
		like("no-sni", "curl that names no server: the load balancer answers with its default certificate", func(p *Profile) { p.NoSNI = true }),
	}
}
