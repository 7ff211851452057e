package awsapi

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == faultsPath {
		s.serveFaults(w, r)
		return
	}
	c := &call{Server: s, ctx: r.Context(), r: r, rid: s.requestID()}
	sig, sigErr := parseSignature(r)
	var body []byte
	if !c.identify(sig) {
		s.serveS3(w, c, sig, sigErr)
		return
	}
	body, err := readBody(r)
	if err == nil {
		err = c.decode(body)
	}
	if err == nil {
		err = c.admit(sig, sigErr)
	}
	var o out
	if err == nil {
		o, err = c.run()
	}
	if r.Context().Err() != nil {
		return // nobody is there to be answered
	}
	if err != nil {
		c.refuse(w, err)
		return
	}
	c.answer(w, o)
}

// identify finds out which service and protocol a call is for. It returns false for S3, which is what the others are not.
func (c *call) identify(sig *signature) bool {
	r := c.r
	if r.Header.Get("Smithy-Protocol") == "rpc-v2-cbor" {
		// POST /service/GraniteServiceVersion20100801/operation/GetMetricData (smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html)
		parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if n := len(parts); n >= 4 && parts[n-4] == "service" && parts[n-2] == "operation" {
			if v := c.find(func(v *service) bool { return v.cbor != "" && v.cbor == parts[n-3] }); v != nil {
				c.service, c.operation, c.protocol = v, parts[n-1], protocolCBOR
				return true
			}
		}
	}
	contentType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if t := r.Header.Get("X-Amz-Target"); t != "" {
		prefix, op, _ := strings.Cut(t, ".")
		c.protocol, c.operation = protocolJSON11, op
		if contentType == typeJSON10 {
			c.protocol = protocolJSON10
		}
		if c.service = c.find(func(v *service) bool { return v.target == prefix }); c.service == nil {
			c.service = &service{name: "unknown", version: prefix}
		}
		return true
	}
	if contentType == "application/x-www-form-urlencoded" || r.Method == http.MethodGet && r.URL.Query().Has("Action") {
		c.protocol = protocolQuery
		if sig != nil {
			c.service = c.services[sig.service]
		}
		return c.service != nil || sig == nil || sig.service != "s3"
	}
	return false
}

func (c *call) find(is func(*service) bool) *service {
	for _, v := range c.services {
		if is(v) {
			return v
		}
	}
	return nil
}

// decode reads the call's parameters.
func (c *call) decode(body []byte) error {
	var members map[string]any
	var err error
	switch c.protocol {
	case protocolQuery:
		return c.decodeQuery(body)
	case protocolCBOR:
		members, err = decodeCBOR(body)
	default:
		members, err = decodeJSON(body)
	}
	if err != nil {
		return failure("SerializationException", "%s", err)
	}
	c.in = newInput(members)
	return nil
}

func (c *call) decodeQuery(body []byte) error {
	form, err := url.ParseQuery(string(body))
	if err == nil && c.r.Method == http.MethodGet {
		form = c.r.URL.Query()
	}
	version := form.Get("Version")
	if c.service == nil { // not signed: the version tells
		c.service = c.find(func(v *service) bool { return v.version != "" && v.version == version })
	}
	if c.service == nil {
		c.service = &service{name: "unknown", version: version, namespace: "http://webservices.amazon.com/AWSFault/2005-15-09"}
	}
	if err != nil {
		return failure("MalformedQueryString", "%s", err)
	}
	c.operation = form.Get("Action")
	for _, k := range []string{"Action", "Version"} {
		delete(form, k)
	}
	for k := range form {
		if strings.HasPrefix(k, "X-Amz-") {
			delete(form, k)
		}
	}
	members, err := decodeForm(form)
	if err != nil {
		return failure("MalformedQueryString", "%s", err)
	}
	c.in = newInput(members)
	switch {
	case c.operation == "":
		return failure("MissingAction", "Missing Action")
	case c.service.version != "" && version != c.service.version:
		return failure("InvalidAction", "Could not find operation %s for version %s", c.operation, version)
	case !plainName(c.operation):
		return failure("InvalidAction", "Could not find operation %.100q for version %s", c.operation, c.service.version)
	}
	return nil
}

// plainName reports whether an operation's name can stand in an XML document.
func plainName(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 128
}

// admit checks the signature and lets the faults happen that were asked for.
func (c *call) admit(sig *signature, sigErr error) error {
	if sigErr != nil {
		return c.signatureError(sigErr)
	}
	if err := sig.check(c.service.name, c.Server); err != nil {
		return c.signatureError(err)
	}
	return c.fault()
}

// run carries the operation out.
func (c *call) run() (out, error) {
	op := c.service.operations[c.operation]
	if op == nil || !slices.Contains(c.service.protocols, c.protocol) {
		return nil, unknownOperation(c.service, c.protocol, c.operation)
	}
	o, err := op(c)
	if *c.in.problem != nil {
		return nil, c.misread(*c.in.problem)
	}
	return o, err
}

// misread is a parameter of the wrong type, in the words of the protocol.
func (c *call) misread(err error) error {
	e, ok := err.(*apiError)
	if !ok || c.protocol != protocolQuery {
		return err
	}
	if c.service.name == "ec2" {
		return failure("InvalidParameterValue", "%s", e.message)
	}
	return failure("MalformedInput", "%s", e.message)
}
