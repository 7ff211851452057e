// Package signed makes single calls to services of AWS by their own wire protocols, form in and XML out or JSON 1.1, where an SDK
// package for the service would cost more than the call is worth: service/ec2 is 14 MB of source, a minute of every first build, and
// of ACM, Athena, Glue and IAM a call or two is made when leftovers are deleted. Signatures, credentials, retries and the HTTP
// client are the SDK's.
//
// Start with [New] and a [Service].
package signed

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// maxAnswer bounds one answer: a page of EC2's DescribeNetworkInterfaces has at most 1000 interfaces.
const maxAnswer = 32 << 20

// Service is one that is called.
type Service struct {
	Title   string // in errors: "EC2"
	Name    string // of the endpoint and of signatures: "ec2"
	Version string // Query protocol: of the API
	Target  string // JSON protocol: what stands before the action's name, "AWSGlue."
	Global  bool   // one endpoint for all regions of a partition
}

// ACM, Athena, Glue and IAM are services that have no package of the SDK's here. Endpoints and targets:
// docs.aws.amazon.com/general/latest/gr/acm.html, athena.html, glue.html, iam-service.html, and the services' API references.
func ACM() Service {
	return Service{Title: "ACM", Name: "acm", Target: "CertificateManager."}
}

// Athena is Amazon Athena.
func Athena() Service { return Service{Title: "Athena", Name: "athena", Target: "AmazonAthena."} }

// Glue is AWS Glue.
func Glue() Service { return Service{Title: "Glue", Name: "glue", Target: "AWSGlue."} }

// IAM is AWS Identity and Access Management.
func IAM() Service { return Service{Title: "IAM", Name: "iam", Version: "2010-05-08", Global: true} }

// Client calls one service. All methods may be called from several goroutines.
type Client struct {
	s           Service
	region      string // of signatures
	endpoint    string
	credentials aws.CredentialsProvider
	http        aws.HTTPClient
	retryer     func() aws.Retryer
	signer      *v4.Signer
	now         func() time.Time
}

// New makes a client of an SDK configuration: its region, credentials, HTTP client and retryer. Where it has a BaseEndpoint,
// that is called.
func New(c aws.Config, s Service) *Client {
	q := &Client{
		s: s, region: c.Region, credentials: c.Credentials, http: c.HTTPClient, retryer: c.Retryer, signer: v4.NewSigner(), now: time.Now,
	}
	if q.http == nil {
		q.http = awshttp.NewBuildableClient()
	}
	if q.retryer == nil {
		q.retryer = func() aws.Retryer { return retry.NewStandard() }
	}
	q.endpoint, q.region = endpoint(s, c.Region)
	if aws.ToString(c.BaseEndpoint) != "" {
		q.endpoint = strings.TrimSuffix(*c.BaseEndpoint, "/") + "/"
	}
	return q
}

// endpoint returns a service's address in a region and the region that signatures name.
// Sources: docs.aws.amazon.com/general/latest/gr/ec2-service.html; the partition of China has a domain of its own; IAM's
// docs.aws.amazon.com/general/latest/gr/iam-service.html.
func endpoint(s Service, region string) (address, signing string) {
	domain, host, signing := "amazonaws.com", s.Name+"."+region, region
	china, gov := strings.HasPrefix(region, "cn-"), strings.HasPrefix(region, "us-gov-")
	if china {
		domain = "amazonaws.com.cn"
	}
	if s.Global {
		switch {
		case china:
			host, signing = s.Name+".cn-north-1", "cn-north-1"
		case gov:
			host, signing = s.Name+".us-gov", "us-gov-west-1"
		default:
			host, signing = s.Name, "us-east-1"
		}
	}
	return "https://" + host + "." + domain + "/", signing
}

// Query makes a call of the Query protocol, repeated as the retryer says, and decodes the answer's XML into out, which may be nil.
// An answer that refuses is an *Error.
func (c *Client) Query(ctx context.Context, action string, params map[string][]string, out any) error {
	form := url.Values{"Action": {action}, "Version": {c.s.Version}}
	for k, v := range params {
		form[k] = v
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}
	return c.call(ctx, action, header, []byte(form.Encode()), func(b []byte) error {
		if out == nil {
			return nil
		}
		return xml.Unmarshal(b, out)
	})
}

// JSON makes a call of the JSON 1.1 protocol; out may be nil.
func (c *Client) JSON(ctx context.Context, action string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return c.wrap(action, err)
	}
	header := http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {c.s.Target + action}}
	return c.call(ctx, action, header, body, func(b []byte) error {
		if out == nil {
			return nil
		}
		return json.Unmarshal(b, out)
	})
}

func (c *Client) wrap(action string, err error) error {
	return fmt.Errorf("calling %s %s: %w", c.s.Title, action, err)
}

// call repeats a request until it is answered or the retryer gives up.
func (c *Client) call(ctx context.Context, action string, header http.Header, body []byte, decode func([]byte) error) error {
	r := c.retryer()
	for attempt := 1; ; attempt++ {
		b, err := c.once(ctx, action, header, body)
		if err == nil {
			if err := decode(b); err != nil {
				return c.wrap(action, fmt.Errorf("reading the answer: %w", err))
			}
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		if most := r.MaxAttempts(); !r.IsErrorRetryable(err) || most > 0 && attempt >= most {
			return err
		}
		release, terr := r.GetRetryToken(ctx, err)
		if terr != nil {
			return fmt.Errorf("%w (and %w)", err, terr)
		}
		delay, derr := r.RetryDelay(attempt, err)
		if derr != nil {
			return fmt.Errorf("%w (and %w)", err, derr)
		}
		werr := wait(ctx, delay)
		if rerr := release(werr); werr != nil || rerr != nil {
			return fmt.Errorf("%w (%w)", err, errors.Join(werr, rerr))
		}
	}
}

// wait lets a retry's delay pass.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// once sends the request, signed anew, and returns the body of an answer that does not refuse.
func (c *Client) once(ctx context.Context, action string, header http.Header, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, c.wrap(action, err)
	}
	req.Header = header.Clone()
	req.Header.Set("User-Agent", "alblab")
	if c.credentials == nil {
		return nil, c.wrap(action, errors.New("there are no credentials"))
	}
	creds, err := c.credentials.Retrieve(ctx)
	if err != nil {
		return nil, c.wrap(action, fmt.Errorf("credentials: %w", err))
	}
	sum := sha256.Sum256(body)
	if err := c.signer.SignHTTP(ctx, creds, req, hex.EncodeToString(sum[:]), c.s.Name, c.region, c.now()); err != nil {
		return nil, c.wrap(action, fmt.Errorf("signing: %w", err))
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, &sendError{c.wrap(action, err)}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, &sendError{c.wrap(action, err)}
	case len(b) > maxAnswer:
		return nil, c.wrap(action, fmt.Errorf("the answer is larger than %d bytes", maxAnswer))
	case res.StatusCode/100 != 2:
		return nil, c.refusal(action, res, b)
	}
	return b, nil
}

// sendError is a request that got no answer. The SDK's retryer asks errors whether the connection failed.
type sendError struct{ err error }

func (e *sendError) Error() string         { return e.err.Error() }
func (e *sendError) Unwrap() error         { return e.err }
func (e *sendError) ConnectionError() bool { return true }
