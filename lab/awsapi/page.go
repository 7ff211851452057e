package awsapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// pager cuts a listing into pages. Tokens hold the place where the next page begins, and are good for the same call with the same
// parameters alone, as AWS's are.
type pager struct {
	c     *call
	scope string // operation and parameters, hashed
	at    int
	after string // the event before the page
	empty bool   // this page is to be empty, as a fault
	size  int
	bad   error
}

// mark is the content of a token.
type mark struct {
	At    int    `json:"a"`
	Scope string `json:"s"`
	Full  bool   `json:"f,omitempty"` // after an empty page
	After string `json:"i,omitempty"` // an event's id
}

// pages begins a listing: the token's member, the size that the caller asked for (0: none) and the service's own.
func (c *call) pages(tokenName string, asked, usual int64, invalidToken *apiError) pager {
	p := pager{c: c, size: int(usual)}
	if asked > 0 {
		p.size = int(asked)
	}
	f, err := c.faultsOf()
	if err != nil {
		p.bad = err
		return p
	}
	if f.PageSize > 0 {
		p.size = min(p.size, f.PageSize)
	}
	p.scope = c.scope(tokenName)
	p.empty = f.EmptyPages
	token := c.in.str(tokenName)
	if token == "" {
		return p
	}
	m, ok := readMark(token)
	if !ok || m.Scope != p.scope || m.At < 0 {
		p.bad = invalidToken
		return p
	}
	p.at, p.after = m.At, m.After
	if m.Full {
		p.empty = false
	}
	return p
}

// scope is a short hash of the call without its token.
func (c *call) scope(tokenName string) string {
	rest := make(map[string]any, len(c.in.members))
	for k, v := range c.in.members {
		if k != tokenName {
			rest[k] = v
		}
	}
	b, _ := json.Marshal(rest)
	sum := sha256.Sum256(append([]byte(fmt.Sprintf("%d/%s/%s/", c.seed, c.service.name, c.operation)), b...))
	return hex.EncodeToString(sum[:6])
}

// cut returns the bounds of the page among n entries, and the token of the next page, "" if there is none.
func (p *pager) cut(n int) (from, to int, token string) {
	from = min(p.at, n)
	if p.empty && n > from {
		return from, from, mark{At: from, Scope: p.scope, Full: true}.token()
	}
	to = min(from+p.size, n)
	if to < n {
		token = mark{At: to, Scope: p.scope}.token()
	}
	return from, to, token
}

func (m mark) token() string {
	b, _ := json.Marshal(m)
	return base64.RawURLEncoding.EncodeToString(b)
}

func readMark(token string) (m mark, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(token, "="))
	if err != nil || len(b) > 4<<10 { // a key of S3 has up to 1024 bytes, and its prefix comes with it
		return m, false
	}
	return m, json.Unmarshal(b, &m) == nil
}
