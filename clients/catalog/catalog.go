// Package catalog holds named real clients, from Android 2.3 to today's browsers, each with what it offers in its hello,
// one text file per client.
//
// Start with [All] or [Match]; [Client.Hello] makes a client's hello, and [Client.Profile] a profile that sends it. The
// lists are facts that testssl.sh's client simulations and SSL Labs' list of user agents publish, not recordings: what
// they do not tell (random values, key share data, the contents of some extensions) is filled in.
package catalog

import (
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
	slices.SortFunc(all, func(a, b *Client) int {
		if d := strings.Compare(a.Family, b.Family); d != 0 {
			return d
		}
		if a.Year != b.Year {
			return a.Year - b.Year
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all
})

// ByName returns the client of this name, in upper or lower case. The error names the nearest ones.
func ByName(name string) (*Client, error) {
	names := make([]string, 0, len(All()))
	for _, c := range All() {
		if strings.EqualFold(c.Name, name) {
			return c, nil
		}
		names = append(names, c.Name)
	}
	return nil, fmt.Errorf("unknown client %q; nearest: %s", name, strings.Join(clients.Nearest(name, names, 3), ", "))
}

// Match returns the clients whose names one of the patterns matches, in upper or lower case: * is any text, ? one
// character. No pattern means all. A pattern that matches none is an error that names the nearest clients.
func Match(patterns ...string) ([]*Client, error) {
	if len(patterns) == 0 {
		return All(), nil
	}
	found := map[*Client]bool{}
	for _, p := range patterns {
		re := glob(p)
		hit := false
		for _, c := range All() {
			if re.MatchString(c.Name) {
				hit, found[c] = true, true
			}
		}
		if !hit {
			_, err := ByName(p)
			return nil, err
		}
	}
	var list []*Client
	for _, c := range All() {
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
