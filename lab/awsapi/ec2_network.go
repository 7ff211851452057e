package awsapi

import (
	"fmt"
	"strings"

	"github.com/alblab/alblab/lab/evidence"
)

// interfaces are the load balancer's network interfaces: requester-managed, named after it
// (docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html; the description is
// "ELB app/<name>/<id>").
func (c *call) interfaces() []entity {
	var all []entity
	for _, n := range c.id.Nodes {
		description := "ELB " + c.id.LoadBalancer
		address := n.Private.String()
		public := out{{"publicIp", n.Public.String()}, {"publicDnsName", fmt.Sprintf("ec2-%s.compute-1.amazonaws.com", strings.ReplaceAll(n.Public.String(), ".", "-"))}, {"ipOwnerId", "amazon-elb"}}
		body := out{
			{"networkInterfaceId", n.Interface}, {"subnetId", n.Subnet}, {"vpcId", c.id.VPC}, {"availabilityZone", n.Zone}, {"availabilityZoneId", n.ZoneID},
			{"description", description}, {"ownerId", c.id.Account}, {"requesterId", "amazon-elb"}, {"requesterManaged", true}, {"status", "in-use"},
			{"macAddress", n.MAC}, {"privateIpAddress", address}, {"sourceDestCheck", true}, {"interfaceType", "interface"},
			{"groupSet", list{out{{"groupId", c.id.SecurityGroup}, {"groupName", c.names.name}}}},
			{"attachment", out{{"attachmentId", "ela-attach-0" + n.Interface[5:]}, {"instanceOwnerId", "amazon-elb"}, {"deviceIndex", 1}, {"status", "attached"}, {"deleteOnTermination", false}}},
			{"association", public},
			{"privateIpAddressesSet", list{out{{"privateIpAddress", address}, {"primary", true}, {"association", public}}}},
			{"ipv6AddressesSet", list{out{{"ipv6Address", n.IPv6.String()}, {"isPrimaryIpv6", false}}}},
		}
		all = append(all, entityOf(n.Interface, nil, body,
			"network-interface-id", n.Interface, "subnet-id", n.Subnet, "vpc-id", c.id.VPC, "availability-zone", n.Zone, "description", description,
			"owner-id", c.id.Account, "requester-id", "amazon-elb", "requester-managed", "true", "status", "in-use", "mac-address", n.MAC,
			"private-ip-address", address, "addresses.private-ip-address", address, "association.public-ip", n.Public.String(), "group-id", c.id.SecurityGroup,
			"interface-type", "interface", "attachment.instance-owner-id", "amazon-elb", "attachment.status", "attached", "ipv6-addresses.ipv6-address", n.IPv6.String()))
	}
	return all
}

func describeNetworkInterfaces(c *call) (out, error) {
	return c.describe("NetworkInterfaceId", "eni", "InvalidNetworkInterfaceID.NotFound", "networkInterfaceSet", c.interfaces())
}

// describeFlowLogs has the VPC's flow log, to CloudWatch Logs or to S3
// (docs.aws.amazon.com/AWSEC2/latest/APIReference/API_FlowLog.html).
func describeFlowLogs(c *call) (out, error) {
	var all []entity
	if !c.off(evidence.KindFlow) {
		body := out{
			{"creationTime", c.id.Created}, {"deliverLogsStatus", "SUCCESS"}, {"flowLogId", c.names.flowLog}, {"flowLogStatus", "ACTIVE"},
			{"resourceId", c.id.VPC}, {"trafficType", "ALL"}, {"logFormat", c.id.FlowFormat}, {"maxAggregationInterval", int(flowWindow.Seconds())},
		}
		filters := []string{"flow-log-id", c.names.flowLog, "resource-id", c.id.VPC, "traffic-type", "ALL", "deliver-log-status", "SUCCESS"}
		if c.flowFiles != "" {
			body = append(body, out{{"logDestinationType", "s3"}, {"logDestination", "arn:aws:s3:::" + c.names.logBucket + "/" + flowPrefix + "/"},
				{"destinationOptions", out{{"fileFormat", c.flowFiles}, {"hiveCompatiblePartitions", c.flowHive}, {"perHourPartition", false}}}}...)
			filters = append(filters, "log-destination-type", "s3")
		} else {
			body = append(body, out{{"deliverLogsPermissionArn", "arn:aws:iam::" + c.id.Account + ":role/alblab-flow-logs"}, {"logGroupName", c.names.flowGroup},
				{"logDestinationType", "cloud-watch-logs"}, {"logDestination", c.logGroupARN(c.names.flowGroup)}}...)
			filters = append(filters, "log-group-name", c.names.flowGroup, "log-destination-type", "cloud-watch-logs")
		}
		all = append(all, entityOf(c.names.flowLog, c.ownTags(), body, filters...))
	}
	return c.describe("FlowLogId", "fl", "InvalidFlowLogId.NotFound", "flowLogSet", all)
}

func describeVpcs(c *call) (out, error) {
	return c.describe("VpcId", "vpc", "InvalidVpcID.NotFound", "vpcSet", []entity{entityOf(c.id.VPC, c.ownTags(), out{
		{"vpcId", c.id.VPC}, {"ownerId", c.id.Account}, {"state", "available"}, {"cidrBlock", "10.0.0.0/16"}, {"instanceTenancy", "default"}, {"isDefault", false},
	}, "vpc-id", c.id.VPC, "state", "available", "cidr", "10.0.0.0/16", "is-default", "false", "owner-id", c.id.Account)})
}

func describeSubnets(c *call) (out, error) {
	var all []entity
	for _, n := range c.id.Nodes {
		p, _ := n.Private.Prefix(24)
		all = append(all, entityOf(n.Subnet, c.ownTags(), out{
			{"subnetId", n.Subnet}, {"vpcId", c.id.VPC}, {"state", "available"}, {"ownerId", c.id.Account}, {"cidrBlock", p.String()},
			{"availabilityZone", n.Zone}, {"availabilityZoneId", n.ZoneID}, {"availableIpAddressCount", 250}, {"defaultForAz", false}, {"mapPublicIpOnLaunch", true},
		}, "subnet-id", n.Subnet, "vpc-id", c.id.VPC, "availability-zone", n.Zone, "state", "available", "cidr-block", p.String()))
	}
	return c.describe("SubnetId", "subnet", "InvalidSubnetID.NotFound", "subnetSet", all)
}

// describeSecurityGroups has the load balancer's security group: each listener's port, from the addresses that may connect.
func describeSecurityGroups(c *call) (out, error) {
	cidrs := c.id.AllowedCIDRs
	if len(cidrs) == 0 {
		cidrs = []string{"0.0.0.0/0", "::/0"}
	}
	permissions := list{}
	for _, l := range c.account.Listeners() {
		v4, v6 := list{}, list{}
		for _, s := range cidrs {
			if strings.Contains(s, ":") {
				v6 = append(v6, out{{"cidrIpv6", s}})
			} else {
				v4 = append(v4, out{{"cidrIp", s}})
			}
		}
		permissions = append(permissions, out{{"ipProtocol", "tcp"}, {"fromPort", int(l.Port)}, {"toPort", int(l.Port)}, {"ipRanges", v4}, {"ipv6Ranges", v6},
			{"groups", list{}}, {"prefixListIds", list{}}})
	}
	egress := list{out{{"ipProtocol", "-1"}, {"ipRanges", list{out{{"cidrIp", "0.0.0.0/0"}}}}, {"ipv6Ranges", list{}}, {"groups", list{}}, {"prefixListIds", list{}}}}
	return c.describe("GroupId", "sg", "InvalidGroup.NotFound", "securityGroupInfo", []entity{entityOf(c.id.SecurityGroup, c.ownTags(), out{
		{"ownerId", c.id.Account}, {"groupId", c.id.SecurityGroup}, {"groupName", c.names.name}, {"groupDescription", "alblab: load balancer"}, {"vpcId", c.id.VPC},
		{"ipPermissions", permissions}, {"ipPermissionsEgress", egress},
	}, "group-id", c.id.SecurityGroup, "group-name", c.names.name, "vpc-id", c.id.VPC, "owner-id", c.id.Account)})
}

// describeInstances has the instance that stores what is mirrored, and one that was terminated.
func describeInstances(c *call) (out, error) {
	var all []entity
	if c.id.Mirrored {
		n := c.id.Nodes[0]
		instance := out{
			{"instanceId", c.names.instance}, {"instanceState", out{{"code", 16}, {"name", "running"}}}, {"instanceType", "t4g.nano"}, {"architecture", "arm64"},
			{"launchTime", c.id.Created}, {"placement", out{{"availabilityZone", n.Zone}, {"tenancy", "default"}}}, {"subnetId", n.Subnet}, {"vpcId", c.id.VPC},
			{"privateIpAddress", c.id.MirrorAddr.String()}, {"tagSet", tagSet(c.ownTags())},
		}
		e := entityOf(c.names.instance, c.ownTags(), nil, "instance-id", c.names.instance, "instance-state-name", "running", "vpc-id", c.id.VPC, "subnet-id", n.Subnet)
		e.body = out{{"reservationId", "r-" + c.names.instance[2:]}, {"ownerId", c.id.Account}, {"groupSet", list{}}, {"instancesSet", list{instance}}}
		all = append(all, e)
	}
	if id := c.terminated; id != "" {
		e := entityOf(id, c.ownTags(), nil, "instance-id", id, "instance-state-name", "terminated")
		instance := out{{"instanceId", id}, {"instanceState", out{{"code", 48}, {"name", "terminated"}}}, {"instanceType", "t4g.nano"}, {"tagSet", tagSet(c.ownTags())}}
		e.body = out{{"reservationId", "r-" + strings.TrimPrefix(id, "i-")}, {"ownerId", c.id.Account}, {"groupSet", list{}}, {"instancesSet", list{instance}}}
		all = append(all, e)
	}
	return c.describe("InstanceId", "i", "InvalidInstanceID.NotFound", "reservationSet", all)
}
