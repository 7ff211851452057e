// Package ec2query calls Amazon EC2's API by its own wire protocol: a form of parameters out, XML back
// (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html). Signatures, credentials, retries and the HTTP
// client are the SDK's.
//
// Why not the SDK's own package: service/ec2 is 14 MB of source, a minute of every first build, for the five calls that the
// lab makes.
//
// Start with [New] and [Client.Do]; the calls with names are in calls.go.
package ec2query

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	"github.com/aws/smithy-go"
)

// Version of the API.
const Version = "2016-11-15"

// maxAnswer bounds one answer: a page of DescribeNetworkInterfaces has at most 1000 interfaces.
const maxAnswer = 32 << 20

// Client calls EC2. All methods may be called from several goroutines.
type Client struct {
	region      string
	endpoint    string
	credentials aws.CredentialsProvider
	http        aws.HTTPClient
	retryer     func() aws.Retryer
	signer      *v4.Signer
	now         func() time.Time
}

// New makes a client of an SDK configuration: its region, credentials, HTTP client and retryer. Where it has a BaseEndpoint,
// that is called.
func New(c aws.Config) *Client {
	q := &Client{
		region: c.Region, credentials: c.Credentials, http: c.HTTPClient, retryer: c.Retryer, signer: v4.NewSigner(), now: time.Now,
	}
	if q.http == nil {
		q.http = awshttp.NewBuildableClient()
	}
	if q.retryer == nil {
		q.retryer = func() aws.Retryer { return retry.NewStandard() }
	}
	switch {
	case aws.ToString(c.BaseEndpoint) != "":
		q.endpoint = strings.TrimSuffix(*c.BaseEndpoint, "/") + "/"
	default:
		// https://docs.aws.amazon.com/general/latest/gr/ec2-service.html; the partition of China has a domain of its own.
		domain := "amazonaws.com"
		if strings.HasPrefix(c.Region, "cn-") {
			domain = "amazonaws.com.cn"
		}
		q.endpoint = "https://ec2." + c.Region + "." + domain + "/"
	}
	return q
}

// Error is what EC2 answers to a call that it refuses. It is an API error of the SDK's kind (smithy.APIError), so that the
// SDK's retryer knows what to repeat.
type Error struct {
	Action, Code, Message, RequestID string
	Status                           int
}

var _ smithy.APIError = (*Error)(nil)

func (e *Error) Error() string {
	s := fmt.Sprintf("EC2 %s: %s: %s", e.Action, e.Code, e.Message)
	if e.RequestID != "" {
		s += " (request " + e.RequestID + ")"
	}
	return s
}

// ErrorCode implements smithy.APIError.
func (e *Error) ErrorCode() string { return e.Code }

// ErrorMessage implements smithy.APIError.
func (e *Error) ErrorMessage() string { return e.Message }

// ErrorFault implements smithy.APIError.
func (e *Error) ErrorFault() smithy.ErrorFault {
	if e.Status >= 500 {
		return smithy.FaultServer
	}
	return smithy.FaultClient
}

// HTTPStatusCode is how the SDK's retryer asks for the status.
func (e *Error) HTTPStatusCode() int { return e.Status }

// Do makes one call, repeated as the retryer says, and decodes the answer's XML into out, which may be nil. An answer that
// refuses is an *Error.
func (c *Client) Do(ctx context.Context, action string, params url.Values, out any) error {
	form := url.Values{"Action": {action}, "Version": {Version}}
	for k, v := range params {
		form[k] = v
	}
	body := []byte(form.Encode())
	r := c.retryer()
	for attempt := 1; ; attempt++ {
		err := c.once(ctx, action, body, out)
		if err == nil || ctx.Err() != nil {
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

// once sends the request, signed anew.
func (c *Client) once(ctx context.Context, action string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("calling EC2 %s: %w", action, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	req.Header.Set("User-Agent", "alblab")
	if c.credentials == nil {
		return fmt.Errorf("calling EC2 %s: there are no credentials", action)
	}
	creds, err := c.credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("calling EC2 %s: credentials: %w", action, err)
	}
	sum := sha256.Sum256(body)
	if err := c.signer.SignHTTP(ctx, creds, req, hex.EncodeToString(sum[:]), "ec2", c.region, c.now()); err != nil {
		return fmt.Errorf("calling EC2 %s: signing: %w", action, err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return &sendError{action, err}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return &sendError{action, err}
	case len(b) > maxAnswer:
		return fmt.Errorf("calling EC2 %s: the answer is larger than %d bytes", action, maxAnswer)
	case res.StatusCode/100 != 2:
		return readError(action, res.StatusCode, b)
	case out == nil:
		return nil
	}
	if err := xml.Unmarshal(b, out); err != nil {
		return fmt.Errorf("calling EC2 %s: reading the answer: %w", action, err)
	}
	return nil
}

// sendError is a request that got no answer. The SDK's retryer asks errors whether the connection failed.
type sendError struct {
	action string
	err    error
}

func (e *sendError) Error() string         { return "calling EC2 " + e.action + ": " + e.err.Error() }
func (e *sendError) Unwrap() error         { return e.err }
func (e *sendError) ConnectionError() bool { return true }

// readError reads the shape of EC2's errors, <Response><Errors><Error>, or what a proxy on the way says.
func readError(action string, status int, b []byte) error {
	var x struct {
		Errors []struct {
			Code    string `xml:"Code"`
			Message string `xml:"Message"`
		} `xml:"Errors>Error"`
		RequestID string `xml:"RequestID"`
	}
	e := &Error{Action: action, Status: status, Code: "UnknownError", Message: "HTTP " + http.StatusText(status)}
	if xml.Unmarshal(b, &x) == nil && len(x.Errors) > 0 {
		e.Code, e.Message, e.RequestID = x.Errors[0].Code, x.Errors[0].Message, x.RequestID
	}
	return e
}
