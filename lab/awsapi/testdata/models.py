"""Makes calls of AWS's API by botocore and holds each answer, as it came, to AWS's own model of the service.

Standard input: {"endpoint": URL, "calls": [{"service", "operation", "params", "error"}]}; "error" is the code of an error that is wanted.
Standard output: {"version", "complete": whether the models know all that the API has, "answers": [{"service", "operation", "protocol",
"checked": members, "problems": [...], "skipped": why}]}.
"""
import base64, datetime, io, json, os, re, sys
import xml.etree.ElementTree as ET

try:
    import botocore
except ImportError:  # the AWS CLI's second edition brings one along
    import awscli
    sys.path.insert(0, os.path.dirname(awscli.__file__))
import botocore.session, botocore.parsers, botocore.exceptions, botocore.utils
from botocore.config import Config
from botocore.model import ServiceModel


class Checker:
    """Walks an answer beside its shape."""

    def __init__(self, protocol, complete):
        self.protocol, self.complete = protocol, complete
        self.text = protocol in ("query", "ec2", "rest-xml")  # scalars are texts
        self.problems, self.checked, self.unknown = [], 0, []

    def bad(self, path, what):
        self.problems.append("%s: %s" % (path, what))

    def strange(self, path):
        (self.bad(path, "not in the model") if self.complete else self.unknown.append(path))

    def scalar(self, shape, value, path):
        self.checked += 1
        kind, model = shape.type_name, shape._shape_model
        if isinstance(value, str) and not self.text and kind not in ("string", "char", "timestamp", "blob"):
            return self.bad(path, "%r is no %s" % (value, kind))
        if kind in ("string", "char"):
            if not isinstance(value, str):
                return self.bad(path, "%r is no string" % (value,))
            if shape.enum and value not in shape.enum and self.complete:
                self.bad(path, "%r is none of %s" % (value, shape.enum))
            if len(value) < model.get("min", 0) or len(value) > model.get("max", 1 << 30):
                self.bad(path, "%r has a length outside of %s to %s" % (value, model.get("min"), model.get("max")))
            if "pattern" in model and not re.search(r"\\[pP]", model["pattern"]) and not re.search("^(?:%s)$" % model["pattern"], value, re.S):
                self.bad(path, "%r does not fit %s" % (value, model["pattern"]))
        elif kind in ("integer", "long"):
            number = value
            if isinstance(value, str) and re.fullmatch(r"-?[0-9]+", value):
                number = int(value)
            if isinstance(number, bool) or not isinstance(number, int):
                return self.bad(path, "%r is no whole number" % (value,))
            if number < model.get("min", number) or number > model.get("max", number):
                self.bad(path, "%r is outside of %s to %s" % (value, model.get("min"), model.get("max")))
        elif kind in ("double", "float"):
            if isinstance(value, bool) or not isinstance(value, (int, float, str)) or isinstance(value, str) and not re.fullmatch(r"-?[0-9.]+(E-?[0-9]+)?", value):
                self.bad(path, "%r is no number" % (value,))
        elif kind == "boolean":
            if value not in (("true", "false") if isinstance(value, str) else (True, False)):
                self.bad(path, "%r is neither true nor false" % (value,))
        elif kind == "timestamp":
            if isinstance(value, str) and not self.text and "json" in self.protocol:
                self.bad(path, "%r is no number of seconds" % (value,))
            elif isinstance(value, str) and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value):
                self.bad(path, "%r is no timestamp of this protocol" % (value,))
            elif isinstance(value, bool) or not isinstance(value, (str, int, float, datetime.datetime)):
                self.bad(path, "%r is no timestamp" % (value,))
        elif kind == "blob" and isinstance(value, str):
            base64.b64decode(value, validate=True)

    def required(self, shape, seen, path):
        for name in shape.required_members:
            if name not in seen:
                self.bad(path + "." + name, "required, and missing")

    def value(self, shape, value, path):
        """JSON and CBOR."""
        if shape.type_name == "structure":
            if not isinstance(value, dict):
                return self.bad(path, "no object")
            names = {s.serialization.get("name", n): n for n, s in shape.members.items()}
            for key, inner in value.items():
                if key not in names:
                    self.strange(path + "." + key)
                elif inner is None:
                    self.bad(path + "." + key, "null, where AWS leaves out")
                else:
                    self.value(shape.members[names[key]], inner, path + "." + key)
            return self.required(shape, {names.get(k) for k in value}, path)
        if shape.type_name == "list":
            if not isinstance(value, list):
                return self.bad(path, "no list")
            for i, inner in enumerate(value):
                self.value(shape.member, inner, "%s[%d]" % (path, i))
        elif shape.type_name == "map":
            if not isinstance(value, dict):
                return self.bad(path, "no map")
            for key, inner in value.items():
                self.scalar(shape.key, key, path + " key")
                self.value(shape.value, inner, path + "." + key)
        else:
            self.scalar(shape, value, path)

    def xml(self, shape, node, path, ignore=()):
        if shape.type_name == "structure":
            names = {}
            for n, s in shape.members.items():
                if s.serialization.get("location"):
                    continue  # a header
                tag = s.serialization.get("name", n)
                if s.type_name == "list" and s.serialization.get("flattened"):
                    tag = s.member.serialization.get("name", tag)
                names[tag] = n
            attributes = {s.serialization["name"].split(":")[-1] for s in shape.members.values() if s.serialization.get("xmlAttribute")}
            seen = {n for n, s in shape.members.items() if s.serialization.get("location")}
            for child in node:
                tag = local(child)
                if tag in ignore:
                    continue
                if tag not in names:
                    self.strange(path + "." + tag)
                    continue
                member = shape.members[names[tag]]
                flat = member.type_name == "list" and member.serialization.get("flattened")
                if names[tag] in seen and not flat:
                    self.bad(path + "." + tag, "twice")
                seen.add(names[tag])
                self.xml(member.member if flat else member, child, path + "." + tag)
            if attributes:
                seen |= {n for n in shape.members if n not in names.values() or n in attributes}
            # An empty list has no element in the flattened form.
            seen |= {n for n, s in shape.members.items() if s.type_name == "list" and s.serialization.get("flattened")}
            return self.required(shape, seen, path)
        if shape.type_name == "list":
            want = shape.member.serialization.get("name", "item" if self.protocol == "ec2" else "member")
            for i, child in enumerate(node):
                if local(child) != want:
                    self.bad("%s[%d]" % (path, i), "%s, want %s" % (local(child), want))
                self.xml(shape.member, child, "%s[%d]" % (path, i))
            return
        if shape.type_name == "map":
            return
        if len(node):
            self.bad(path, "has elements, want a %s" % shape.type_name)
        self.scalar(shape, node.text or "", path)


def local(node):
    return node.tag.rsplit("}", 1)[-1]


def decoded(protocol, body):
    if "cbor" in protocol:
        return botocore.parsers.create_parser("smithy-rpc-v2-cbor").parse_data_item(io.BufferedReader(io.BytesIO(body)))
    return json.loads(body or b"{}")


def check(model, protocol, response, complete):
    c = Checker(protocol, complete)
    shape, body = model.output_shape, response["body"]
    if shape is None or hasattr(body, "read") or shape.serialization.get("payload"):
        return c  # nothing in the body but an object's bytes
    if protocol in ("query", "ec2", "rest-xml"):
        if not body and not any(not s.serialization.get("location") for s in shape.members.values()):
            return c
        root = ET.fromstring(body)
        if protocol == "query":
            if local(root) != model.name + "Response":
                c.bad(local(root), "want %sResponse" % model.name)
            if [local(n) for n in root] != [shape.serialization["resultWrapper"], "ResponseMetadata"]:
                c.bad(local(root), "has %s" % [local(n) for n in root])
            root = root[0]
        elif protocol == "ec2" and (local(root) != model.name + "Response" or "requestId" not in [local(n) for n in root]):
            c.bad(local(root), "want %sResponse with requestId" % model.name)
        c.xml(shape, root, model.name, ignore=("requestId",))
    else:
        c.value(shape, decoded(protocol, body), model.name)
    return c


def main():
    job = json.load(sys.stdin)
    session = botocore.session.get_session()
    complete = "DescribeListenerAttributes" in session.get_service_model("elbv2").operation_names  # its youngest operation here
    answers = []
    for call in job["calls"]:
        one = {"service": call["service"], "operation": call["operation"], "protocol": "", "checked": 0, "problems": [], "unknown": [], "skipped": ""}
        service = session.get_service_model(call["service"])
        if call["operation"] not in service.operation_names:
            answers.append(dict(one, skipped="not in the model of botocore %s" % botocore.__version__))
            continue
        protocols = service.metadata.get("protocols", [service.metadata["protocol"]])
        usable = [p for p in protocols if p in botocore.parsers.PROTOCOL_PARSERS]
        if service.metadata["protocol"] not in usable or not hasattr(ServiceModel, "resolved_protocol"):
            usable = [service.metadata["protocol"]]
        for protocol in usable:
            answers.append(dict(one, protocol=protocol, **ask(session, job["endpoint"], call, protocol, complete)))
    json.dump({"version": botocore.__version__, "complete": complete, "answers": answers}, sys.stdout)


def ask(session, endpoint, call, protocol, complete):
    seen = []
    kept = getattr(ServiceModel, "resolved_protocol", None)
    if kept is not None:
        ServiceModel.resolved_protocol = protocol
    try:
        client = session.create_client(
            call["service"], region_name="us-east-1", endpoint_url=endpoint, aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="secret",
            config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}, parameter_validation=True))
        client.meta.events.register("response-received", lambda response_dict, **_: seen.append(response_dict))
        model = client.meta.service_model.operation_model(call["operation"])
        try:
            client._make_api_call(call["operation"], times(call["params"], model.input_shape))
        except botocore.exceptions.ClientError as e:
            code = e.response["Error"]["Code"]
            problems = []
            if code != call.get("error"):
                problems.append("error %s: %s" % (code, e))
            modelled = {s.metadata.get("error", {}).get("code", s.name) for s in model.error_shapes} | {s.name for s in model.error_shapes}
            if modelled and code not in modelled and call["service"] != "s3":
                problems.append("error %s is none of the operation's: %s" % (code, sorted(modelled)))
            return {"checked": 1, "problems": problems, "unknown": []}
        if call.get("error"):
            return {"checked": 0, "problems": ["no error, want " + call["error"]], "unknown": []}
        if not seen:
            return {"checked": 0, "problems": ["no answer was seen"], "unknown": []}
        c = check(model, protocol, seen[-1], complete)
        return {"checked": c.checked, "problems": c.problems, "unknown": c.unknown}
    except (botocore.exceptions.BotoCoreError, botocore.parsers.ResponseParserError, ET.ParseError, ValueError) as e:
        return {"checked": 0, "problems": ["%s: %s" % (type(e).__name__, e)], "unknown": []}
    finally:
        if kept is not None:
            ServiceModel.resolved_protocol = kept


def times(params, shape):
    """Numbers and texts where botocore wants times."""
    if shape is None or not isinstance(params, dict):
        return params
    out = {}
    for k, v in params.items():
        member = shape.members.get(k)
        if member is not None and member.type_name == "timestamp":
            v = botocore.utils.parse_timestamp(v)
        elif member is not None and member.type_name == "structure":
            v = times(v, member)
        out[k] = v
    return out


main()
