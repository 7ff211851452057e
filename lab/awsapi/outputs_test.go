package awsapi_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/aws"
)

// The outputs are those that lab/aws reads: it knows every one of them, and misses none.
func TestOutputs(t *testing.T) {
	b := start(t, nil)
	o, err := b.api.Outputs(map[string]string{"https": "127.0.0.1:8443", "mtls": "127.0.0.1:8444", "fwd": "127.0.0.1:8445"})
	require.NoError(t, err)
	var ours bytes.Buffer
	require.NoError(t, o.Write(&ours))
	read, err := aws.ReadOutputs(bytes.NewReader(ours.Bytes()))
	require.NoError(t, err)
	theirs, err := json.Marshal(read)
	require.NoError(t, err)
	require.JSONEq(t, ours.String(), string(theirs))

	require.Equal(t, b.loadBalancer(t), read.LoadBalancerARN)
	require.Equal(t, *b.listener(t, 8443).ListenerArn, read.ListenerARNs["mtls"])
	require.Equal(t, *b.listener(t, 8443).MutualAuthentication.TrustStoreArn, read.TrustStoreARNs["default"])
	require.Equal(t, flowGroup, read.FlowLog.LogGroup)
	require.Equal(t, wafGroup, read.WAF.LogGroup)
	require.Equal(t, mirrorBucket, read.Mirror.Bucket)
}
