package awsapi

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// trustObjects are the bundles of the trust stores.
func (x *s3Call) trustObjects() ([]*object, error) {
	stores, err := x.account.TrustStores()
	if err != nil {
		return nil, err
	}
	var all []*object
	made := newShelfObjects()
	for _, t := range stores {
		made.put(&object{bucket: x.names.trustBucket, key: "trust-store/" + t.Name + "/ca-bundle.pem", modified: x.Server.id.Created,
			content: t.Bundle, contentType: "application/x-pem-file"})
		for i, r := range t.RevocationLists {
			made.put(&object{bucket: x.names.trustBucket, key: "trust-store/" + t.Name + "/crl-" + strconv.Itoa(i+1) + ".pem", modified: x.Server.id.Created,
				content: r, contentType: "application/x-pem-file"})
		}
	}
	for _, k := range made.keys {
		all = append(all, made.objects[k])
	}
	return all, nil
}

func newShelfObjects() *shelf { return &shelf{objects: map[string]*object{}} }

// maxKeys is how many keys a page has at most.
const maxKeys = 1000

// listObjects answers ListObjectsV2, and ListObjects where list-type is not 2.
func (x *s3Call) listObjects() error {
	q := x.query
	v2 := q.Get("list-type") == "2"
	if t := q.Get("list-type"); t != "" && !v2 {
		return s3Error("InvalidArgument", "Invalid List Type specified in Query", http.StatusBadRequest, field{"ArgumentName", "list-type"}, field{"ArgumentValue", t})
	}
	size := maxKeys
	if s := q.Get("max-keys"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return s3Error("InvalidArgument", "Argument maxKeys must be an integer between 0 and 2147483647", http.StatusBadRequest,
				field{"ArgumentName", "maxKeys"}, field{"ArgumentValue", s})
		}
		size = min(n, maxKeys)
	}
	if f := x.faults.get().PageSize; f > 0 {
		size = min(size, f)
	}
	encode := func(s string) string { return s }
	switch e := q.Get("encoding-type"); e {
	case "":
	case "url":
		encode = s3Encode
	default:
		return s3Error("InvalidArgument", "Invalid Encoding Method specified in Request", http.StatusBadRequest, field{"ArgumentName", "encoding-type"}, field{"ArgumentValue", e})
	}
	after, err := x.startAfter(v2)
	if err != nil {
		return err
	}
	all, err := x.objects()
	if err != nil {
		return err
	}
	p := cutKeys(all, q.Get("prefix"), q.Get("delimiter"), after, size)
	x.answerXML("ListBucketResult", x.listing(p, v2, size, encode))
	return nil
}

// startAfter is the key after which the page begins.
func (x *s3Call) startAfter(v2 bool) (string, error) {
	if !v2 {
		return x.query.Get("marker"), nil
	}
	if !x.query.Has("continuation-token") {
		return x.query.Get("start-after"), nil
	}
	token := x.query.Get("continuation-token")
	m, ok := readMark(token)
	if !ok || m.Scope != x.listScope() {
		return "", s3Error("InvalidArgument", "The continuation token provided is incorrect", http.StatusBadRequest, field{"ArgumentName", "continuation-token"})
	}
	return m.After, nil
}

func (x *s3Call) listScope() string { return x.bucket + "?" + x.query.Get("prefix") }

// keyPage is a page of a listing.
type keyPage struct {
	objects  []*object
	prefixes []string
	last     string // where the next page goes on
	more     bool
}

// cutKeys makes a page. Keys that have the delimiter after the prefix are rolled up into a common prefix, which counts as one.
func cutKeys(all []*object, prefix, delimiter, after string, size int) (p keyPage) {
	for _, o := range all {
		if !strings.HasPrefix(o.key, prefix) || o.key <= after {
			continue
		}
		common := ""
		if delimiter != "" {
			if i := strings.Index(o.key[len(prefix):], delimiter); i >= 0 {
				common = o.key[:len(prefix)+i+len(delimiter)]
			}
		}
		if common != "" && (strings.HasPrefix(after, common) || slices.Contains(p.prefixes, common)) {
			continue // told already
		}
		if len(p.objects)+len(p.prefixes) >= size {
			p.more = size > 0
			return p
		}
		if common != "" {
			p.prefixes, p.last = append(p.prefixes, common), common
			continue
		}
		p.objects, p.last = append(p.objects, o), o.key
	}
	return p
}

func (x *s3Call) listing(p keyPage, v2 bool, size int, encode func(string) string) out {
	q := x.query
	o := out{{"Name", x.bucket}, {"Prefix", encode(q.Get("prefix"))}}
	if d := q.Get("delimiter"); d != "" {
		o = append(o, field{"Delimiter", encode(d)})
	}
	o = append(o, field{"MaxKeys", size})
	if e := q.Get("encoding-type"); e != "" {
		o = append(o, field{"EncodingType", e})
	}
	o = append(o, field{"IsTruncated", p.more})
	if v2 {
		o = append(o, field{"KeyCount", len(p.objects) + len(p.prefixes)})
		if t := q.Get("continuation-token"); t != "" {
			o = append(o, field{"ContinuationToken", t})
		}
		if s := q.Get("start-after"); s != "" {
			o = append(o, field{"StartAfter", encode(s)})
		}
		if p.more {
			o = append(o, field{"NextContinuationToken", mark{After: p.last, Scope: x.listScope()}.token()})
		}
	} else {
		o = append(o, field{"Marker", encode(q.Get("marker"))})
		if p.more && q.Get("delimiter") != "" {
			o = append(o, field{"NextMarker", encode(p.last)})
		}
	}
	owner := !v2 || q.Get("fetch-owner") == "true"
	contents := list{}
	for _, obj := range p.objects {
		e := out{{"Key", encode(obj.key)}, {"LastModified", obj.modified}, {"ETag", obj.etag},
			{"ChecksumAlgorithm", "CRC32"}, {"ChecksumType", "FULL_OBJECT"}, {"Size", len(obj.content)}}
		if owner {
			e = append(e, field{"Owner", s3Owner()})
		}
		contents = append(contents, append(e, field{"StorageClass", "STANDARD"}))
	}
	prefixes := list{}
	for _, c := range p.prefixes {
		prefixes = append(prefixes, out{{"Prefix", encode(c)}})
	}
	return append(o, field{"Contents", contents}, field{"CommonPrefixes", prefixes})
}

// listVersions answers ListObjectVersions: the buckets keep no versions, so that each object has one, "null".
func (x *s3Call) listVersions() error {
	q := x.query
	all, err := x.objects()
	if err != nil {
		return err
	}
	size := maxKeys
	if n, err := strconv.Atoi(q.Get("max-keys")); err == nil && n >= 0 {
		size = min(n, maxKeys)
	}
	encode := func(s string) string { return s }
	if q.Get("encoding-type") == "url" {
		encode = s3Encode
	}
	p := cutKeys(all, q.Get("prefix"), q.Get("delimiter"), q.Get("key-marker"), size)
	o := out{{"Name", x.bucket}, {"Prefix", encode(q.Get("prefix"))}, {"KeyMarker", encode(q.Get("key-marker"))}, {"VersionIdMarker", q.Get("version-id-marker")},
		{"MaxKeys", size}, {"IsTruncated", p.more}}
	if e := q.Get("encoding-type"); e != "" {
		o = append(o, field{"EncodingType", e})
	}
	if p.more {
		o = append(o, field{"NextKeyMarker", encode(p.last)}, field{"NextVersionIdMarker", "null"})
	}
	versions, prefixes := list{}, list{}
	for _, obj := range p.objects {
		versions = append(versions, out{{"Key", encode(obj.key)}, {"VersionId", "null"}, {"IsLatest", true}, {"LastModified", obj.modified}, {"ETag", obj.etag},
			{"Size", len(obj.content)}, {"StorageClass", "STANDARD"}, {"Owner", s3Owner()}})
	}
	for _, c := range p.prefixes {
		prefixes = append(prefixes, out{{"Prefix", encode(c)}})
	}
	x.answerXML("ListVersionsResult", append(o, field{"Version", versions}, field{"CommonPrefixes", prefixes}))
	return nil
}

// s3Encode writes a key as encoding-type=url asks: percent-encoded but for slashes.
func s3Encode(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "?")
	}
	return strings.ReplaceAll(url.QueryEscape(s), "%2F", "/")
}
