package ec2query

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/stretchr/testify/require"
)

// server answers each call with the next of the answers, and keeps the forms that it got.
func server(t *testing.T, answers ...answer) (*Client, *[]url.Values) {
	t.Helper()
	var got []url.Values
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		form, err := url.ParseQuery(string(b))
		if err != nil {
			t.Error(err)
		}
		form.Set("Authorization", r.Header.Get("Authorization"))
		got = append(got, form)
		if len(got) > len(answers) {
			t.Errorf("call %d was not expected: %v", len(got), form)
			return
		}
		a := answers[len(got)-1]
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
	}))
	t.Cleanup(s.Close)
	return New(config(s.URL)), &got
}

type answer struct {
	status int
	body   string
}

func config(endpoint string) aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: &endpoint,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret", SessionToken: "token"}, nil
		}),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = 3, time.Millisecond })
		},
	}
}

// Error shapes: docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html.
const (
	throttled = `<?xml version="1.0" encoding="UTF-8"?>
<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>Request limit exceeded.</Message></Error></Errors><RequestID>ea966190-f9aa-478e-9ede-example</RequestID></Response>`
	denied = `<?xml version="1.0" encoding="UTF-8"?>
<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not authorized to perform this operation.</Message></Error></Errors><RequestID>r-1</RequestID></Response>`
	interfaces1 = `<DescribeNetworkInterfacesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>x</requestId><networkInterfaceSet><item>
<networkInterfaceId>eni-1</networkInterfaceId><subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId><availabilityZone>us-east-1a</availabilityZone>
<description>ELB app/alblab-1/50dc6c495c0c9188</description><requesterManaged>true</requesterManaged><status>in-use</status>
<privateIpAddress>10.0.1.10</privateIpAddress><association><publicIp>198.51.100.10</publicIp></association></item></networkInterfaceSet><nextToken>more</nextToken></DescribeNetworkInterfacesResponse>`
	interfaces2 = `<DescribeNetworkInterfacesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><networkInterfaceSet><item><networkInterfaceId>eni-2</networkInterfaceId></item></networkInterfaceSet></DescribeNetworkInterfacesResponse>`
)

func TestNetworkInterfaces(t *testing.T) {
	c, got := server(t, answer{200, interfaces1}, answer{200, interfaces2})
	all, err := c.NetworkInterfaces(t.Context(), Filter{"description", []string{"ELB app/alblab-1/*"}})
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, NetworkInterface{
		ID: "eni-1", Description: "ELB app/alblab-1/50dc6c495c0c9188", AvailabilityZone: "us-east-1a", SubnetID: "subnet-1", VPCID: "vpc-1",
		PrivateIP: "10.0.1.10", PublicIP: "198.51.100.10", Status: "in-use", RequesterManaged: true,
	}, all[0])
	first := (*got)[0]
	require.Equal(t, "DescribeNetworkInterfaces", first.Get("Action"))
	require.Equal(t, Version, first.Get("Version"))
	require.Equal(t, "description", first.Get("Filter.1.Name"))
	require.Equal(t, "ELB app/alblab-1/*", first.Get("Filter.1.Value.1"))
	require.Contains(t, first.Get("Authorization"), "/us-east-1/ec2/aws4_request")
	require.Contains(t, first.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
	require.Equal(t, "more", (*got)[1].Get("NextToken"))
}

func TestRetries(t *testing.T) {
	tests := []struct {
		name    string
		answers []answer
		calls   int
		code    string // of the error in the end
	}{
		{"throttled, then served", []answer{{503, throttled}, {503, throttled}, {200, interfaces2}}, 3, ""},
		{"internal errors, then served", []answer{{500, "<html>oops</html>"}, {200, interfaces2}}, 2, ""},
		{"throttled for good", []answer{{503, throttled}, {503, throttled}, {503, throttled}}, 3, "RequestLimitExceeded"},
		{"denied", []answer{{403, denied}}, 1, "UnauthorizedOperation"},
		{"a proxy's page", []answer{{404, "not here"}}, 1, "UnknownError"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, got := server(t, tt.answers...)
			_, err := c.NetworkInterfaces(t.Context())
			require.Len(t, *got, tt.calls)
			if tt.code == "" {
				require.NoError(t, err)
				return
			}
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, tt.code, e.ErrorCode())
			require.Contains(t, err.Error(), "EC2 DescribeNetworkInterfaces: "+tt.code)
		})
	}
}

// TestNoAnswer: a connection that fails is tried again, and the error says so in the end.
func TestNoAnswer(t *testing.T) {
	calls := 0
	cfg := config("http://127.0.0.1:1")
	cfg.HTTPClient = roundTrip(func(*http.Request) (*http.Response, error) {
		calls++
		return nil, errors.New("connection reset by peer")
	})
	err := New(cfg).DeleteMirrorSession(t.Context(), "tms-1")
	require.ErrorContains(t, err, "calling EC2 DeleteTrafficMirrorSession: connection reset by peer")
	require.Equal(t, 3, calls)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) Do(r *http.Request) (*http.Response, error) { return f(r) }

// TestCancelled: a wait between two tries ends with the context.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cfg := config("http://127.0.0.1:1")
	cfg.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { cancel(); return time.Hour, nil })
		})
	}
	cfg.HTTPClient = roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 503, Body: io.NopCloser(strings.NewReader(throttled))}, nil
	})
	_, err := New(cfg).FlowLogs(ctx)
	require.ErrorIs(t, err, context.Canceled)
	var e *Error
	require.ErrorAs(t, err, &e)
}

func TestCreateMirrorSession(t *testing.T) {
	c, got := server(t, answer{200, `<CreateTrafficMirrorSessionResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><trafficMirrorSession>
<trafficMirrorSessionId>tms-1</trafficMirrorSessionId><networkInterfaceId>eni-1</networkInterfaceId><sessionNumber>1</sessionNumber><virtualNetworkId>7</virtualNetworkId>
<tagSet><item><key>alblab:run</key><value>r1</value></item></tagSet></trafficMirrorSession></CreateTrafficMirrorSessionResponse>`})
	s, err := c.CreateMirrorSession(t.Context(), MirrorSession{
		TargetID: "tmt-1", FilterID: "tmf-1", NetworkInterface: "eni-1", Number: 1, VNI: 7, Tags: []Tag{{"alblab:run", "r1"}},
	})
	require.NoError(t, err)
	require.Equal(t, "tms-1", s.ID)
	require.Equal(t, []Tag{{"alblab:run", "r1"}}, s.Tags)
	form := (*got)[0]
	for k, v := range map[string]string{
		"NetworkInterfaceId": "eni-1", "TrafficMirrorTargetId": "tmt-1", "TrafficMirrorFilterId": "tmf-1", "SessionNumber": "1", "VirtualNetworkId": "7",
		"TagSpecification.1.ResourceType": "traffic-mirror-session", "TagSpecification.1.Tag.1.Key": "alblab:run", "TagSpecification.1.Tag.1.Value": "r1",
	} {
		require.Equal(t, v, form.Get(k), k)
	}
}
