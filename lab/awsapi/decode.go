package awsapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/fxamacker/cbor/v2"
)

// protocol is one of the wire protocols of AWS's services (smithy.io/2.0/aws/protocols/).
type protocol uint8

const (
	protocolQuery  protocol = iota // awsQuery and ec2Query: a form in, XML out
	protocolJSON10                 // awsJson1_0
	protocolJSON11                 // awsJson1_1
	protocolCBOR                   // rpcv2Cbor
	protocolREST                   // restXml: S3
)

// maxBody is how much of a call's body is read. No call here has more than a few kilobytes.
const maxBody = 1 << 20

// maxDepth is how deep structures may be nested.
const maxDepth = 16

// decodeForm makes a structure of a form of the Query protocols: Filter.1.Name, Names.member.1. Numbers are list entries; where
// they do not run from 1 without gaps, their order counts.
func decodeForm(form url.Values) (map[string]any, error) {
	root := &node{}
	for _, key := range sortedKeys(form) {
		parts := strings.Split(key, ".")
		if len(parts) > maxDepth {
			return nil, fmt.Errorf("parameter %q is nested too deep", key)
		}
		n := root
		for i, p := range parts {
			if p == "member" && i > 0 && i < len(parts)-1 {
				continue
			}
			n = n.child(p)
		}
		n.set, n.value = true, form[key][0]
	}
	m, _ := root.tree().(map[string]any)
	if m == nil {
		m = map[string]any{}
	}
	return m, nil
}

func sortedKeys(form url.Values) []string {
	keys := make([]string, 0, len(form))
	for k := range form {
		if len(form[k]) > 0 {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// node is a form's parameter in the making.
type node struct {
	set      bool
	value    string
	children map[string]*node
}

func (n *node) child(name string) *node {
	c := n.children[name]
	if c == nil {
		if n.children == nil {
			n.children = map[string]*node{}
		}
		c = &node{}
		n.children[name] = c
	}
	return c
}

// tree is the node's value: a list if all its children are numbers.
func (n *node) tree() any {
	if len(n.children) == 0 {
		if n.set {
			return n.value
		}
		return map[string]any{}
	}
	type numbered struct {
		at int
		n  *node
	}
	var entries []numbered
	for name, c := range n.children {
		at, err := strconv.Atoi(name)
		if err != nil || at < 0 {
			entries = nil
			break
		}
		entries = append(entries, numbered{at, c})
	}
	if entries != nil {
		slices.SortFunc(entries, func(a, b numbered) int { return a.at - b.at })
		l := make([]any, len(entries))
		for i, e := range entries {
			l[i] = e.n.tree()
		}
		return l
	}
	m := make(map[string]any, len(n.children))
	for name, c := range n.children {
		m[name] = c.tree()
	}
	return m
}

// decodeJSON reads a structure.
func decodeJSON(body []byte) (map[string]any, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return map[string]any{}, nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one JSON value")
	}
	if m == nil {
		m = map[string]any{}
	}
	return m, nil
}

// decodeCBOR reads a structure. Maps and lists may be of indefinite length; texts and numbers come in any width (RFC 8949).
func decodeCBOR(body []byte) (map[string]any, error) {
	if len(body) == 0 {
		return map[string]any{}, nil
	}
	mode, err := cbor.DecOptions{
		MaxNestedLevels: maxDepth, DefaultMapType: mapType(),
		MaxArrayElements: 1 << 16, MaxMapPairs: 1 << 16,
	}.DecMode()
	if err != nil {
		return nil, err
	}
	var m map[string]any
	if err := mode.Unmarshal(body, &m); err != nil {
		return nil, err
	}
	if m == nil {
		m = map[string]any{}
	}
	return m, nil
}

// readBody reads a call's body, or says that it is too long.
func readBody(r *http.Request) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err == nil && len(b) > maxBody {
		err = fmt.Errorf("body larger than %d bytes", maxBody)
	}
	return b, err
}
