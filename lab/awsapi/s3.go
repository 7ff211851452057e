package awsapi

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const namespaceS3 = "http://s3.amazonaws.com/doc/2006-03-01/"

// s3Service is Amazon S3 as far as errors and signatures need it (docs.aws.amazon.com/AmazonS3/latest/API/).
func s3Service() *service { return &service{name: "s3", namespace: namespaceS3} }

// serveS3 answers a call of S3: REST, with XML.
func (s *Server) serveS3(w http.ResponseWriter, c *call, sig *signature, sigErr error) {
	c.service, c.protocol, c.in = s3Service(), protocolREST, newInput(map[string]any{})
	bucket, key := s.bucketAndKey(c.r)
	x := &s3Call{call: c, w: w, bucket: bucket, key: key, query: c.r.URL.Query()}
	h := w.Header()
	h.Set("X-Amz-Request-Id", strings.ToUpper(strings.ReplaceAll(c.rid, "-", "")[:16]))
	h.Set("X-Amz-Id-2", base64.StdEncoding.EncodeToString([]byte(c.rid+c.rid)))
	h.Set("Server", "AmazonS3")
	err := x.admitS3(sig, sigErr)
	if err == nil {
		err = x.route()
	}
	if c.ctx.Err() != nil {
		return
	}
	if err != nil {
		x.refuse(err)
	}
}

// s3Call is one call of S3.
type s3Call struct {
	*call
	w           http.ResponseWriter
	bucket, key string
	query       url.Values
}

// bucketAndKey reads the bucket from the path, or from the host where it stands before it: bucket.s3.amazonaws.com,
// bucket.localhost:4566.
func (s *Server) bucketAndKey(r *http.Request) (bucket, key string) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	for _, b := range s.buckets() {
		if strings.HasPrefix(host, b+".") {
			return b, path
		}
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key
}

// buckets are the buckets' names, sorted.
func (s *Server) buckets() []string {
	all := []string{s.names.logBucket, s.names.trustBucket}
	if s.id.Mirrored {
		all = append(all, s.names.mirrorBucket)
	}
	slices.Sort(all)
	return all
}

func s3Error(code, message string, status int, extra ...field) *apiError {
	return &apiError{code: code, message: message, status: status, extra: extra}
}

func (x *s3Call) admitS3(sig *signature, sigErr error) error {
	if sigErr == errNoSignature {
		return s3Error("AccessDenied", "Access Denied", http.StatusForbidden)
	}
	if form, ok := sigErr.(*badForm); ok {
		return s3Error("AuthorizationHeaderMalformed", "The authorization header is malformed; "+form.msg, http.StatusBadRequest)
	}
	switch err := sig.check("s3", x.Server).(type) {
	case nil:
	case *scopeError:
		if err.region != "" {
			return s3Error("AuthorizationHeaderMalformed", "The authorization header is malformed; the region '"+err.region+"' is wrong; expecting '"+x.Server.id.Region+"'",
				http.StatusBadRequest, field{"Region", x.Server.id.Region})
		}
		return s3Error("AuthorizationHeaderMalformed", "The authorization header is malformed; "+err.msg, http.StatusBadRequest)
	case *skewError:
		if err.expired {
			return s3Error("AccessDenied", "Request has expired", http.StatusForbidden)
		}
		return s3Error("RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", http.StatusForbidden,
			field{"RequestTime", err.at.Format(amzTime)}, field{"ServerTime", err.now.Format("2006-01-02T15:04:05Z")},
			field{"MaxAllowedSkewMilliseconds", err.limit.Milliseconds()})
	default:
		return err
	}
	return x.fault()
}

// refuse writes an error. The answer to a HEAD has no body: the status tells.
func (x *s3Call) refuse(err error) {
	e, ok := err.(*apiError)
	if !ok {
		x.logger.Error("answering", "service", "s3", "path", x.r.URL.Path, "error", err)
		e = internalError(x.service)
	}
	status := e.httpStatus()
	if x.r.Method == http.MethodHead || status == http.StatusNotModified {
		x.w.WriteHeader(status)
		return
	}
	h := x.w.Header()
	o := append(out{{"Code", e.code}, {"Message", e.message}}, e.extra...)
	o = append(o, field{"RequestId", h.Get("X-Amz-Request-Id")}, field{"HostId", h.Get("X-Amz-Id-2")})
	var b bytes.Buffer
	b.WriteString(xml.Header)
	appendXML(&b, "Error", "", o)
	x.send(status, "application/xml", b.Bytes())
}

func (x *s3Call) send(status int, contentType string, body []byte) {
	h := x.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	x.w.WriteHeader(status)
	if x.r.Method != http.MethodHead {
		_, _ = x.w.Write(body) // a caller that has gone
	}
}

// answerXML writes a result's document.
func (x *s3Call) answerXML(name string, o out) {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	b.WriteString("<" + name + ` xmlns="` + namespaceS3 + `">`)
	for _, f := range o {
		if l, ok := f.value.(list); ok && f.name != "Buckets" { // flattened, as S3 has them
			for _, e := range l {
				appendXML(&b, f.name, "", e)
			}
			continue
		}
		appendXML(&b, f.name, "Bucket", f.value)
	}
	b.WriteString("</" + name + ">")
	x.send(http.StatusOK, "application/xml", b.Bytes())
}

// subresources of buckets and objects that AWS has and this API does not.
func (x *s3Call) subresource() string {
	for _, name := range []string{"acl", "policy", "policyStatus", "versioning", "lifecycle", "tagging", "encryption", "logging", "notification",
		"cors", "website", "replication", "uploads", "uploadId", "object-lock", "ownershipControls", "publicAccessBlock", "torrent",
		"attributes", "retention", "legal-hold", "accelerate", "requestPayment", "inventory", "metrics", "analytics", "intelligent-tiering"} {
		if x.query.Has(name) {
			return name
		}
	}
	return ""
}

// route finds the operation.
func (x *s3Call) route() error {
	get, head := x.r.Method == http.MethodGet, x.r.Method == http.MethodHead
	if !get && !head {
		return s3Error("NotImplemented", "A header or query you provided implies functionality that is not implemented", http.StatusNotImplemented)
	}
	if x.bucket == "" {
		return x.listBuckets()
	}
	if !slices.Contains(x.buckets(), x.bucket) {
		return s3Error("NoSuchBucket", "The specified bucket does not exist", http.StatusNotFound, field{"BucketName", x.bucket})
	}
	x.w.Header().Set("X-Amz-Bucket-Region", x.Server.id.Region)
	if x.subresource() != "" {
		return s3Error("NotImplemented", "A header or query you provided implies functionality that is not implemented", http.StatusNotImplemented)
	}
	switch {
	case x.key != "":
		return x.getObject()
	case head:
		x.w.Header().Set("X-Amz-Access-Point-Alias", "false")
		x.w.WriteHeader(http.StatusOK)
		return nil
	case x.query.Has("location"):
		// The Region of us-east-1 is written as none (API_GetBucketLocation).
		x.send(http.StatusOK, "application/xml", []byte(xml.Header+`<LocationConstraint xmlns="`+namespaceS3+`"/>`))
		return nil
	}
	if x.query.Has("versions") {
		return x.listVersions()
	}
	return x.listObjects()
}

func (x *s3Call) listBuckets() error {
	prefix := x.query.Get("prefix")
	var all list
	for _, b := range x.buckets() {
		if strings.HasPrefix(b, prefix) {
			all = append(all, out{{"Name", b}, {"CreationDate", x.Server.id.Created}, {"BucketRegion", x.Server.id.Region}})
		}
	}
	x.answerXML("ListAllMyBucketsResult", out{{"Buckets", all}, {"Owner", s3Owner()}})
	return nil
}

func s3Owner() out {
	return out{{"ID", strings.Repeat("a1b2c3d4", 8)}, {"DisplayName", "alblab"}}
}

// getObject answers GetObject and HeadObject, with conditions and ranges (RFC 9110, sections 13 and 14).
func (x *s3Call) getObject() error {
	o, err := x.object()
	if err != nil {
		return err
	}
	if v := x.query.Get("versionId"); v != "" && v != "null" {
		return s3Error("NoSuchVersion", "The specified version does not exist.", http.StatusNotFound, field{"Key", x.key}, field{"VersionId", v})
	}
	h := x.w.Header()
	h.Set("Etag", o.etag)
	h.Set("Last-Modified", o.modified.Format(http.TimeFormat))
	h.Set("Accept-Ranges", "bytes")
	h.Set("X-Amz-Server-Side-Encryption", "AES256")
	if err := x.conditions(o); err != nil {
		return err
	}
	from, to, part, err := byteRange(x.r.Header.Get("Range"), int64(len(o.content)))
	if err != nil {
		return err
	}
	status := http.StatusOK
	if part {
		status = http.StatusPartialContent
		h.Set("Content-Range", "bytes "+strconv.FormatInt(from, 10)+"-"+strconv.FormatInt(to-1, 10)+"/"+strconv.Itoa(len(o.content)))
	} else if strings.EqualFold(x.r.Header.Get("X-Amz-Checksum-Mode"), "ENABLED") {
		h.Set("X-Amz-Checksum-Crc32", o.crc32)
		h.Set("X-Amz-Checksum-Type", "FULL_OBJECT")
	}
	x.send(status, o.contentType, o.content[from:to])
	return nil
}

// object finds the object that a call names, if it has been delivered.
func (x *s3Call) object() (*object, error) {
	all, err := x.objects()
	if err != nil {
		return nil, err
	}
	i, found := slices.BinarySearchFunc(all, x.key, func(o *object, key string) int { return strings.Compare(o.key, key) })
	if !found {
		return nil, s3Error("NoSuchKey", "The specified key does not exist.", http.StatusNotFound, field{"Key", x.key})
	}
	return all[i], nil
}

func (x *s3Call) conditions(o *object) error {
	h := x.r.Header
	failed := s3Error("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", http.StatusPreconditionFailed)
	same := func(list string) bool {
		return strings.TrimSpace(list) == "*" || slices.ContainsFunc(strings.Split(list, ","), func(s string) bool {
			return strings.Trim(strings.TrimSpace(s), `"`) == strings.Trim(o.etag, `"`)
		})
	}
	if v := h.Get("If-Match"); v != "" && !same(v) {
		return failed
	}
	if v := h.Get("If-None-Match"); v != "" && same(v) {
		return s3Error("NotModified", "", http.StatusNotModified)
	}
	if t, err := http.ParseTime(h.Get("If-Modified-Since")); err == nil && h.Get("If-None-Match") == "" && !o.modified.After(t) {
		return s3Error("NotModified", "", http.StatusNotModified)
	}
	if t, err := http.ParseTime(h.Get("If-Unmodified-Since")); err == nil && h.Get("If-Match") == "" && o.modified.After(t) {
		return failed
	}
	return nil
}

// byteRange reads a Range header of one range: bytes=0-9, bytes=10-, bytes=-5. What is none is passed over, as RFC 9110,
// section 14.2, has it.
func byteRange(header string, size int64) (from, to int64, part bool, err error) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	a, b, dash := strings.Cut(spec, "-")
	if !ok || !dash || strings.Contains(spec, ",") {
		return 0, size, false, nil
	}
	first, aerr := strconv.ParseInt(a, 10, 64)
	last, berr := strconv.ParseInt(b, 10, 64)
	unsatisfiable := s3Error("InvalidRange", "The requested range is not satisfiable", http.StatusRequestedRangeNotSatisfiable,
		field{"RangeRequested", header}, field{"ActualObjectSize", size})
	switch {
	case a == "" && berr == nil && last >= 0:
		if last == 0 || size == 0 {
			return 0, 0, false, unsatisfiable
		}
		return max(0, size-last), size, true, nil
	case aerr != nil || first < 0 || b != "" && (berr != nil || last < first):
		return 0, size, false, nil
	case first >= size:
		return 0, 0, false, unsatisfiable
	case b == "":
		return first, size, true, nil
	}
	return first, min(last, size-1) + 1, true, nil
}

// objects are the objects of the call's bucket that have been delivered, by key.
func (x *s3Call) objects() ([]*object, error) {
	h := x.shelf
	if err := h.look(x.ctx, x.bucket == x.names.mirrorBucket || x.flowFiles != ""); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []*object
	if x.bucket == x.names.trustBucket {
		return x.trustObjects()
	}
	from, _ := slices.BinarySearch(h.keys, x.bucket+"/")
	for _, k := range h.keys[from:] {
		if !strings.HasPrefix(k, x.bucket+"/") {
			break
		}
		o := h.objects[k]
		if o.kind != "" {
			if until, ok := x.horizon(o.kind); !ok || o.modified.After(until.Truncate(time.Second)) {
				continue
			}
		}
		all = append(all, o)
	}
	return all, nil
}
