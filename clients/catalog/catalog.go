// Package catalog holds named real clients, from Android 2.3 to today's browsers, each with what it offers in its hello,
// one text file per client.
//
// Start with [All] or [Match]; [Client.Hello] makes a client's hello, [Client.Profile] a profile that sends it and completes
// the handshake, and [Simulate] tries many clients at once. [FromHello], [FromCapture] and [FromTestSSL] make a catalogue of
// one's own, which [Load] reads.
//
// There are three kinds of files: lists that testssl.sh's client simulations and SSL Labs' list of user agents publish, where
// what they do not tell (the contents of some extensions) is filled in; the browsers that uTLS knows; and hellos captured
// from programs of a Debian machine (capture.sh). Each names its source.
package catalog

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/alblab/alblab/clients"
	"github.com/alblab/alblab/lab/wire"
)

//go:embed clients/*.txt
var files embed.FS

// Client is one client: who it is and what it offers.
type Client struct {
	Name     string // "Chrome 70 Win 10"
	Family   string // "Chrome"
	Version  string // "70"
	Platform string // "Windows 10", "" where the name does not tell
	Year     int    // of its release, 0 if unknown
	Source   string // where its hello is from; "": testssl.sh and SSL Labs

	SSLv2Format   bool         // its hello has SSLv2's framing
	Min, Max      wire.Version // what it can negotiate
	RecordVersion wire.Version // of the hello's record; 0 for SSLv2's framing
	LegacyVersion wire.Version // client_version

	Suites            []uint32 // in order; SSLv2's own have three bytes, the others two
	Groups            []wire.Group
	KeyShares         []wire.Group
	Schemes           []wire.Scheme
	ALPN              []string
	SupportedVersions []wire.Version
	Extensions        []uint16 // types in order
	// Bodies are the contents of extensions that are neither in the lists above nor what one would expect.
	Bodies      map[uint16][]byte
	Compression []byte // methods; nil: the null method alone
	SessionID   int    // bytes of session id that it sends without a session
}

// All returns every client, sorted by family, year and name. They are shared: do not change them.
var All = sync.OnceValue(func() []*Client {
	names, err := fs.Glob(files, "clients/*.txt")
	if err != nil {
		panic("catalog: " + err.Error())
	}
	var all []*Client
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			panic("catalog: " + err.Error())
		}
		c, err := Parse(string(text))
		if err != nil {
			panic("catalog: embedded " + name + ": " + err.Error())
		}
		all = append(all, c)
	}
	order(all)
	return all
})

func order(all []*Client) {
	slices.SortFunc(all, func(a, b *Client) int {
		return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Year, b.Year), cmp.Compare(a.Name, b.Name))
	})
}

// ByName returns the client of this name, in upper or lower case. The error names the nearest ones.
func ByName(name string) (*Client, error) { return Find(All(), name) }

// Find is ByName for a catalogue of one's own.
func Find(all []*Client, name string) (*Client, error) {
	names := make([]string, 0, len(all))
	for _, c := range all {
		if strings.EqualFold(c.Name, name) {
			return c, nil
		}
		names = append(names, c.Name)
	}
	return nil, fmt.Errorf("unknown client %q; nearest: %s", name, strings.Join(clients.Nearest(name, names, 3), ", "))
}

// Match returns the clients whose names one of the patterns matches, in upper or lower case: * is any text, ? one
// character. No pattern means all. A pattern that matches none is an error that names the nearest clients.
func Match(patterns ...string) ([]*Client, error) { return Select(All(), patterns...) }

// Select is Match for a catalogue of one's own.
func Select(all []*Client, patterns ...string) ([]*Client, error) {
	if len(patterns) == 0 {
		return all, nil
	}
	found := map[*Client]bool{}
	for _, p := range patterns {
		re := glob(p)
		hit := false
		for _, c := range all {
			if re.MatchString(c.Name) {
				hit, found[c] = true, true
			}
		}
		if !hit {
			_, err := Find(all, p)
			return nil, err
		}
	}
	var list []*Client
	for _, c := range all {
		if found[c] {
			list = append(list, c)
		}
	}
	return list, nil
}

// glob translates a pattern. Names hold slashes and parentheses, so path.Match would not do.
func glob(pattern string) *regexp.Regexp {
	q := regexp.QuoteMeta(pattern)
	q = strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(q)
	return regexp.MustCompile(`(?is)\A` + q + `\z`)
}
