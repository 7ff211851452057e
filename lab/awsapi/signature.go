package awsapi

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// signature is what a call says of its signature, Version 4
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html).
type signature struct {
	key, date, region, service string
	at                         time.Time
	expires                    time.Duration // presigned: how long it holds; 0 otherwise
	token                      string        // of temporary credentials
}

// skew is how far a signature's time may be from the service's, either way.
const skew = 5 * time.Minute

// skewS3 is S3's (docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, RequestTimeTooSkewed).
const skewS3 = 15 * time.Minute

// amzTime is the form of X-Amz-Date.
const amzTime = "20060102T150405Z"

var (
	errNoSignature = errors.New("no signature")
	hexSignature   = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// badForm is a signature that cannot be read.
type badForm struct{ msg string }

func (e *badForm) Error() string { return e.msg }

// parseSignature reads a signature from the Authorization header or, presigned, from the query. It does not check it.
func parseSignature(r *http.Request) (*signature, error) {
	if q := r.URL.Query(); q.Has("X-Amz-Signature") || q.Has("X-Amz-Algorithm") {
		return parsePresigned(r)
	}
	auth := r.Header.Get("Authorization")
	if auth == "" {
		return nil, errNoSignature
	}
	algorithm, rest, _ := strings.Cut(auth, " ")
	if algorithm != "AWS4-HMAC-SHA256" {
		return nil, &badForm{fmt.Sprintf("Unsupported AWS 'algorithm': '%.40s'", algorithm)}
	}
	parts := map[string]string{}
	for _, p := range strings.Split(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		parts[name] = value
	}
	var missing []string
	for _, name := range []string{"Credential", "Signature", "SignedHeaders"} {
		if parts[name] == "" {
			missing = append(missing, fmt.Sprintf("Authorization header requires '%s' parameter.", name))
		}
	}
	date := r.Header.Get("X-Amz-Date")
	if date == "" && r.Header.Get("Date") == "" {
		missing = append(missing, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if len(missing) > 0 {
		return nil, &badForm{strings.Join(missing, " ") + fmt.Sprintf(" Authorization=%s", algorithm)}
	}
	s, err := parseCredential(parts["Credential"])
	if err != nil {
		return s, err
	}
	s.token = r.Header.Get("X-Amz-Security-Token")
	if s.at, err = signatureTime(date, r.Header.Get("Date")); err != nil {
		return s, err
	}
	if !hexSignature.MatchString(parts["Signature"]) {
		return s, &badForm{"The request signature we calculated does not match the signature you provided."}
	}
	return s, checkSignedHeaders(strings.Split(strings.ToLower(parts["SignedHeaders"]), ";"), date)
}

func checkSignedHeaders(signed []string, date string) error {
	if !slices.Contains(signed, "host") {
		return &badForm{"'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."}
	}
	if date != "" && !slices.Contains(signed, "x-amz-date") && !slices.Contains(signed, "date") {
		return &badForm{"'X-Amz-Date' must be a 'SignedHeader' in the AWS Authorization."}
	}
	return nil
}

func parsePresigned(r *http.Request) (*signature, error) {
	q := r.URL.Query()
	s, err := parseCredential(q.Get("X-Amz-Credential"))
	if err != nil {
		return s, err
	}
	if s.at, err = signatureTime(q.Get("X-Amz-Date"), ""); err != nil {
		return s, err
	}
	n, err := strconv.Atoi(q.Get("X-Amz-Expires"))
	if err != nil || n < 1 || n > 7*24*3600 {
		return s, &badForm{"X-Amz-Expires must be a number between 1 and 604800"}
	}
	s.expires, s.token = time.Duration(n)*time.Second, q.Get("X-Amz-Security-Token")
	if !hexSignature.MatchString(q.Get("X-Amz-Signature")) {
		return s, &badForm{"The request signature we calculated does not match the signature you provided."}
	}
	return s, checkSignedHeaders(strings.Split(strings.ToLower(q.Get("X-Amz-SignedHeaders")), ";"), "")
}

// parseCredential reads AKID/20260101/us-east-1/sts/aws4_request.
func parseCredential(credential string) (*signature, error) {
	p := strings.Split(credential, "/")
	if len(p) < 5 || p[len(p)-1] != "aws4_request" || p[0] == "" {
		return nil, &badForm{fmt.Sprintf("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%.200s'", credential)}
	}
	n := len(p)
	return &signature{key: strings.Join(p[:n-4], "/"), date: p[n-4], region: p[n-3], service: p[n-2]}, nil
}

func signatureTime(amz, date string) (time.Time, error) {
	if amz != "" {
		t, err := time.Parse(amzTime, amz)
		if err != nil {
			return t, &badForm{fmt.Sprintf("Date must be in ISO-8601 'basic format'. Got '%.40s'. See http://en.wikipedia.org/wiki/ISO_8601", amz)}
		}
		return t, nil
	}
	t, err := http.ParseTime(date)
	if err != nil {
		return t, &badForm{"AWS authentication requires a valid Date or x-amz-date header"}
	}
	return t, nil
}

// scopeError is a signature for another date, region or service.
type scopeError struct{ msg, region string }

func (e *scopeError) Error() string { return e.msg }

// skewError is a signature whose time is too far from the service's.
type skewError struct {
	at, now time.Time
	limit   time.Duration
	expired bool // presigned, and its time is over
}

func (e *skewError) Error() string {
	if e.at.Before(e.now) {
		return fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - %d min.)", e.at.Format(amzTime),
			e.now.Add(-e.limit).Format(amzTime), e.now.Format(amzTime), int(e.limit.Minutes()))
	}
	return fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + %d min.)", e.at.Format(amzTime),
		e.now.Add(e.limit).Format(amzTime), e.now.Format(amzTime), int(e.limit.Minutes()))
}

// check holds a signature to its scope and its age. Who made it is not asked.
func (sig *signature) check(service string, s *Server) error {
	switch {
	case sig.date != sig.at.UTC().Format("20060102"):
		return &scopeError{msg: fmt.Sprintf("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%.20s' != '%s', from '%s'.",
			sig.date, sig.at.UTC().Format("20060102"), sig.at.UTC().Format(amzTime))}
	case sig.service != service && service != "unknown":
		return &scopeError{msg: fmt.Sprintf("Credential should be scoped to correct service: '%s'. ", service)}
	case sig.region != s.id.Region:
		return &scopeError{msg: "Credential should be scoped to a valid region. ", region: sig.region}
	}
	if s.wall == nil {
		return nil
	}
	now, limit := s.wall().UTC(), skew
	if service == "s3" {
		limit = skewS3
	}
	if sig.expires > 0 {
		if now.After(sig.at.Add(sig.expires)) {
			return &skewError{at: sig.at, now: now, limit: sig.expires, expired: true}
		}
		if sig.at.Sub(now) <= limit {
			return nil
		}
	}
	if d := now.Sub(sig.at); d > limit || -d > limit {
		return &skewError{at: sig.at.UTC(), now: now, limit: limit}
	}
	return nil
}

// signatureError is an error of a signature as the call's service tells it. The JSON services answer 400, the Query services 403
// (docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CommonErrors.html), EC2 has names of its own
// (docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html).
func (c *call) signatureError(err error) error {
	var form *badForm
	var late *skewError
	query, ec2 := c.protocol == protocolQuery, c.service.name == "ec2"
	status := 400
	if query {
		status = 403
	}
	e := &apiError{code: "SignatureDoesNotMatch", shape: "InvalidSignatureException", message: err.Error(), status: status}
	switch {
	case errors.Is(err, errNoSignature):
		e = &apiError{code: "MissingAuthenticationToken", message: "Missing Authentication Token", status: status}
		if ec2 {
			e = &apiError{code: "MissingParameter", message: "The request must contain the parameter AWSAccessKeyId", status: 400}
		}
	case errors.As(err, &form):
		e.code, e.shape, e.status = "IncompleteSignature", "IncompleteSignatureException", 400
		if ec2 {
			e.code, e.status = "AuthFailure", 401
		}
	case errors.As(err, &late) && ec2:
		e = &apiError{code: "RequestExpired", message: "Request has expired.", status: 400}
	case ec2:
		e = &apiError{code: "AuthFailure", message: err.Error(), status: 401}
	}
	return e
}
