// Mint writes what Terraform's examples read: a server certificate for each key, the CA certificates of clients with their
// revocation lists, and for the one who tries the lab the server's roots and two client certificates. The keys of CAs are
// written nowhere.
//
//	go run ./terraform/mint -host lab.example.com -out pki
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
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
	if err := pki.New(*host).Save(*dir, strings.Split(*keys, ","), pki.KindGoodRSA, pki.KindUntrusted); err != nil {
		return err
	}
	fmt.Fprintf(out, "wrote %s: server certificates for %s (%s), client CAs, revocation lists, client certificates\n", *dir, *host, *keys)
	return nil
}
