package awsapi_test

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/alblab/alblab/lab/awsapi"
	"github.com/alblab/alblab/lab/evidence"
	"github.com/alblab/alblab/lab/evidence/capture"
)

const mirrorBucket = "alblab-mirror-111122223333"

// ec2Answer is what the tests look at of EC2's answers.
type ec2Answer struct {
	XMLName    xml.Name
	Interfaces []struct {
		ID          string `xml:"networkInterfaceId"`
		Description string `xml:"description"`
		Private     string `xml:"privateIpAddress"`
		Public      string `xml:"association>publicIp"`
		Managed     bool   `xml:"requesterManaged"`
	} `xml:"networkInterfaceSet>item"`
	FlowLogs []struct {
		Group  string `xml:"logGroupName"`
		Format string `xml:"logFormat"`
		VPC    string `xml:"resourceId"`
	} `xml:"flowLogSet>item"`
	Sessions []mirrorSession `xml:"trafficMirrorSessionSet>item"`
	Made     mirrorSession   `xml:"trafficMirrorSession"`
	Groups   []struct {
		ID    string `xml:"groupId"`
		Ports []int  `xml:"ipPermissions>item>fromPort"`
	} `xml:"securityGroupInfo>item"`
	Next  string `xml:"nextToken"`
	Error string `xml:"Errors>Error>Code"`
}

type mirrorSession struct {
	ID   string `xml:"trafficMirrorSessionId"`
	ENI  string `xml:"networkInterfaceId"`
	VNI  uint32 `xml:"virtualNetworkId"`
	Tags []struct {
		Key   string `xml:"key"`
		Value string `xml:"value"`
	} `xml:"tagSet>item"`
}

// ec2 calls EC2, whose SDK would take a minute to build, by its Query protocol: pairs of names and values.
func (b *bench) ec2(t testing.TB, action string, pairs ...string) ec2Answer {
	t.Helper()
	form := url.Values{"Action": {action}, "Version": {"2016-11-15"}}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	_, text := b.send(t, "ec2", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, form.Encode())
	var a ec2Answer
	require.NoError(t, xml.Unmarshal([]byte(text), &a), text)
	return a
}

func TestDescribeNetwork(t *testing.T) {
	b := start(t, nil)
	id := b.Lab.Identity()
	a := b.ec2(t, "DescribeNetworkInterfaces", "Filter.1.Name", "description", "Filter.1.Value.1", "ELB "+id.LoadBalancer, "Filter.2.Name", "requester-managed", "Filter.2.Value.1", "true")
	require.Equal(t, "DescribeNetworkInterfacesResponse", a.XMLName.Local)
	require.Equal(t, "http://ec2.amazonaws.com/doc/2016-11-15/", a.XMLName.Space)
	require.Len(t, a.Interfaces, 2)
	require.Equal(t, id.Nodes[0].Interface, a.Interfaces[0].ID)
	require.Equal(t, id.Nodes[1].Public.String(), a.Interfaces[1].Public)
	require.True(t, a.Interfaces[0].Managed)
	require.Len(t, b.ec2(t, "DescribeNetworkInterfaces", "Filter.1.Name", "description", "Filter.1.Value.1", "ELB app/*").Interfaces, 2)
	require.Empty(t, b.ec2(t, "DescribeNetworkInterfaces", "Filter.1.Name", "description", "Filter.1.Value.1", "ELB app/other").Interfaces)
	require.Len(t, b.ec2(t, "DescribeNetworkInterfaces", "NetworkInterfaceId.1", id.Nodes[1].Interface).Interfaces, 1)
	require.Len(t, b.ec2(t, "DescribeNetworkInterfaces", "Filter.1.Name", "private-ip-address", "Filter.1.Value.1", "10.0.1.10", "Filter.1.Value.2", "10.0.2.1?").Interfaces, 2)

	f := b.ec2(t, "DescribeFlowLogs", "Filter.1.Name", "resource-id", "Filter.1.Value.1", id.VPC)
	require.Len(t, f.FlowLogs, 1)
	require.Equal(t, flowGroup, f.FlowLogs[0].Group)
	require.Equal(t, id.FlowFormat, f.FlowLogs[0].Format)
	require.Equal(t, []int{9443, 443, 8443}, b.ec2(t, "DescribeSecurityGroups", "GroupId.1", id.SecurityGroup).Groups[0].Ports)
	for _, action := range []string{"DescribeVpcs", "DescribeSubnets", "DescribeInstances", "DescribeTrafficMirrorTargets", "DescribeTrafficMirrorFilters"} {
		require.Empty(t, b.ec2(t, action, "Filter.1.Name", "tag:alblab:owner", "Filter.1.Value.1", "alblab").Error, action)
	}
	b.api.SetFaults(awsapi.Faults{Off: []evidence.Kind{evidence.KindFlow}})
	require.Empty(t, b.ec2(t, "DescribeFlowLogs").FlowLogs)
}

func TestEC2Errors(t *testing.T) {
	b := start(t, nil)
	for _, tt := range []struct {
		want, action string
		pairs        []string
	}{
		{"InvalidAction", "RunInstances", nil},
		{"InvalidNetworkInterfaceID.NotFound", "DescribeNetworkInterfaces", []string{"NetworkInterfaceId.1", "eni-00000000000000000"}},
		{"InvalidNetworkInterfaceID.Malformed", "DescribeNetworkInterfaces", []string{"NetworkInterfaceId.1", "x"}},
		{"InvalidParameterValue", "DescribeNetworkInterfaces", []string{"Filter.1.Name", "color", "Filter.1.Value.1", "red"}},
		{"InvalidParameterValue", "DescribeNetworkInterfaces", []string{"MaxResults", "4"}},
		{"InvalidParameterValue", "DescribeNetworkInterfaces", []string{"MaxResults", "many"}},
		{"InvalidNextToken", "DescribeNetworkInterfaces", []string{"NextToken", "x"}},
		{"InvalidFlowLogId.NotFound", "DescribeFlowLogs", []string{"FlowLogId.1", "fl-00000000000000000"}},
		{"MissingParameter", "CreateTrafficMirrorSession", nil},
		{"InvalidTrafficMirrorSessionId.NotFound", "DeleteTrafficMirrorSession", []string{"TrafficMirrorSessionId", "tms-00000000000000000"}},
	} {
		require.Equal(t, tt.want, b.ec2(t, tt.action, tt.pairs...).Error, "%s %v", tt.action, tt.pairs)
	}
}

// Mirror sessions carry what happens while they live, under their network identifier, and no more of a packet than they keep.
func TestTrafficMirroring(t *testing.T) {
	b := start(t, nil)
	out, err := b.api.Outputs(nil)
	require.NoError(t, err)
	eni := b.Lab.Identity().Nodes[0].Interface
	b.get(t, "https", "/before", nil, nil)
	b.pass(t, time.Minute)
	require.Empty(t, b.keys(t, mirrorBucket, ""), "no session, no captures")

	args := []string{"NetworkInterfaceId", eni, "TrafficMirrorTargetId", out.Mirror.TargetID, "TrafficMirrorFilterId", out.Mirror.FilterID, "SessionNumber", "1",
		"VirtualNetworkId", "4242", "TagSpecification.1.ResourceType", "traffic-mirror-session", "TagSpecification.1.Tag.1.Key", "alblab:run", "TagSpecification.1.Tag.1.Value", "r1"}
	require.Equal(t, "DryRunOperation", b.ec2(t, "CreateTrafficMirrorSession", append(args, "DryRun", "true")...).Error)
	b.api.SetFaults(awsapi.Faults{NoMirror: true})
	require.Equal(t, "NetworkInterfaceNotSupported", b.ec2(t, "CreateTrafficMirrorSession", args...).Error)
	b.api.SetFaults(awsapi.Faults{})
	made := b.ec2(t, "CreateTrafficMirrorSession", args...)
	require.EqualValues(t, 4242, made.Made.VNI)
	require.NotEmpty(t, b.ec2(t, "CreateTrafficMirrorSession", args...).Error, "the number is taken")
	require.Equal(t, made.Made, b.ec2(t, "DescribeTrafficMirrorSessions", "Filter.1.Name", "tag:alblab:run", "Filter.1.Value.1", "r1").Sessions[0])

	b.traffic(t)
	keys := b.keys(t, mirrorBucket, "")
	require.Len(t, keys, 1)
	hellos := 0
	for c, err := range capture.Conversations(bytes.NewReader(b.object(t, mirrorBucket, keys[0])), nil) {
		require.NoError(t, err)
		require.Equal(t, "10.0.1.10", c.Server.Addr().String())
		if c.Hello != nil {
			hellos++
		}
	}
	require.Equal(t, 5, hellos)
	for p, err := range capture.Packets(bytes.NewReader(b.object(t, mirrorBucket, keys[0])), nil) {
		require.NoError(t, err)
		require.EqualValues(t, 4242, p.VNI)
	}

	require.Empty(t, b.ec2(t, "DeleteTrafficMirrorSession", "TrafficMirrorSessionId", made.Made.ID).Error)
	require.Empty(t, b.ec2(t, "DescribeTrafficMirrorSessions").Sessions)
	b.pass(t, time.Minute)
	b.get(t, "https", "/after", nil, nil)
	require.Equal(t, keys, b.keys(t, mirrorBucket, ""))

	short := b.ec2(t, "CreateTrafficMirrorSession", "NetworkInterfaceId", eni, "TrafficMirrorTargetId", out.Mirror.TargetID, "TrafficMirrorFilterId", out.Mirror.FilterID,
		"SessionNumber", "1", "PacketLength", "100")
	require.NotZero(t, short.Made.VNI)
	b.get(t, "https", "/short", nil, nil)
	more := b.keys(t, mirrorBucket, "")
	require.Len(t, more, 2)
	n := 0
	for p, err := range capture.Packets(bytes.NewReader(b.object(t, mirrorBucket, more[1])), nil) {
		require.NoError(t, err)
		require.EqualValues(t, short.Made.VNI, p.VNI)
		n++
	}
	require.Positive(t, n)
	require.Less(t, len(b.object(t, mirrorBucket, more[1])), n*(16+50+100)+25)
}
