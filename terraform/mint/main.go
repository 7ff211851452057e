// Mint writes what Terraform's examples read: a server certificate for each key, the CA certificates of clients with their
// revocation lists, and for the one who tries the lab the server's roots and two client certificates. The keys of CAs are
// written nowhere.
//
//	go run ./terraform/mint -host lab.example.com -out pki
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/alblab/alblab/lab/pki"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintf(os.Stderr, "mint: error: %v\n", err)
		os.Exit(2)
	}
}

func run(args []string, out io.Writer) error {
	f := flag.NewFlagSet("mint", flag.ContinueOnError)
	f.SetOutput(out)
	host := f.String("host", "lab.alblab.example", "the name in the server certificates; a listener may refuse one without a dot")
	dir := f.String("out", "pki", "the folder to write into")
	keys := f.String("keys", "rsa,ecdsa", "keys of the server certificates: rsa, ecdsa, rsa:3072:sha384, ...")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if !strings.Contains(*host, ".") {
		return fmt.Errorf("host %q has no dot: a listener may refuse a certificate without a full domain name", *host)
	}
	if err := write(pki.New(*host), *dir, strings.Split(*keys, ",")); err != nil {
		return err
	}
	fmt.Fprintf(out, "wrote %s: server certificates for %s (%s), client CAs, revocation lists, client certificates\n", *dir, *host, *keys)
	return nil
}

func write(p *pki.PKI, dir string, keys []string) error {
	// ca.pem and the client certificates; it makes the folder, which none but its owner can read.
	if _, err := p.WriteFiles(dir, pki.KindGoodRSA, pki.KindUntrusted); err != nil {
		return err
	}
	for _, key := range keys {
		cert, err := p.Server(key)
		if err != nil {
			return err
		}
		chain, private, err := pki.EncodePEM(cert)
		if err != nil {
			return err
		}
		// ACM takes the leaf and the rest of the chain apart.
		end := []byte("-----END CERTIFICATE-----\n")
		at := bytes.Index(chain, end) + len(end)
		name := "server-" + strings.ReplaceAll(key, ":", "-")
		for file, text := range map[string][]byte{
			name + ".pem": chain[:at], name + "-chain.pem": chain[at:], name + "-key.pem": private,
		} {
			if len(text) == 0 {
				continue // an ECDSA certificate is signed by its root
			}
			if err := save(dir, file, text); err != nil {
				return err
			}
		}
	}
	lists, err := p.CRLs()
	if err != nil {
		return err
	}
	if err := save(dir, "client-ca.pem", p.TrustStore()); err != nil {
		return err
	}
	return save(dir, "client-ca.crl.pem", bytes.Join(lists, nil))
}

func save(dir, name string, text []byte) error {
	if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
		return fmt.Errorf("writing certificates: %w", err)
	}
	return nil
}
