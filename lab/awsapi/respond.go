package awsapi

import (
	"bytes"
	"errors"
	"hash/crc32"
	"net/http"
	"strconv"
)

const (
	typeXML    = "text/xml"
	typeJSON10 = "application/x-amz-json-1.0"
	typeJSON11 = "application/x-amz-json-1.1"
	typeCBOR   = "application/cbor"
)

// answer writes what an operation gave.
func (c *call) answer(w http.ResponseWriter, o out) {
	var b bytes.Buffer
	switch c.protocol {
	case protocolQuery:
		b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
		c.queryAnswer(&b, o)
		c.write(w, http.StatusOK, typeXML, b.Bytes())
	case protocolCBOR:
		body, err := encodeCBOR(o)
		if err != nil {
			c.refuse(w, err)
			return
		}
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		c.write(w, http.StatusOK, typeCBOR, body)
	default:
		appendJSON(&b, o)
		c.write(w, http.StatusOK, c.jsonType(), b.Bytes())
	}
}

// queryAnswer wraps an answer as awsQuery and ec2Query have it.
func (c *call) queryAnswer(b *bytes.Buffer, o out) {
	b.WriteString(`<` + c.operation + `Response xmlns="` + c.service.namespace + `">`)
	if c.service.name == "ec2" {
		appendXML(b, "requestId", "", c.rid)
		for _, f := range o {
			appendXML(b, f.name, c.service.item, f.value)
		}
	} else {
		appendXML(b, c.operation+"Result", c.service.item, o)
		appendXML(b, "ResponseMetadata", "", out{{"RequestId", c.rid}})
	}
	b.WriteString(`</` + c.operation + `Response>` + "\n")
}

func (c *call) jsonType() string {
	if c.protocol == protocolJSON10 {
		return typeJSON10
	}
	return typeJSON11
}

// refuse writes an error in the caller's protocol.
func (c *call) refuse(w http.ResponseWriter, err error) {
	var e *apiError
	if !errors.As(err, &e) {
		c.logger.Error("answering", "service", c.service.name, "operation", c.operation, "error", err)
		e = internalError(c.service)
	}
	var b bytes.Buffer
	switch c.protocol {
	case protocolQuery:
		c.queryError(&b, e)
		c.write(w, e.httpStatus(), typeXML, b.Bytes())
	case protocolCBOR:
		c.queryErrorHeader(w, e)
		body, cerr := encodeCBOR(append(out{{"__type", c.service.cborNamespace() + "#" + c.service.shapeOf(e)}, {"message", e.message}}, e.extra...))
		if cerr != nil {
			body = nil
		}
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		c.write(w, e.httpStatus(), typeCBOR, body)
	default:
		shape := c.service.shapeOf(e)
		o := out{{"__type", shape}}
		if c.service.name == "monitoring" {
			c.queryErrorHeader(w, e)
			o[0].value = c.service.cborNamespace() + "#" + shape
		}
		if e.message != "" {
			o = append(o, field{"message", e.message})
		}
		appendJSON(&b, append(o, e.extra...))
		c.write(w, e.httpStatus(), c.jsonType(), b.Bytes())
	}
}

// queryErrorHeader tells callers that once spoke the Query protocol the code that they know
// (smithy.io/2.0/aws/protocols/aws-query-protocol.html#aws-protocols-awsquerycompatible-trait).
func (c *call) queryErrorHeader(w http.ResponseWriter, e *apiError) {
	fault := "Sender"
	if e.server {
		fault = "Receiver"
	}
	w.Header().Set("X-Amzn-Query-Error", e.code+";"+fault)
}

func (v *service) cborNamespace() string { return "com.amazonaws.cloudwatch" }

// queryError writes an error of awsQuery or ec2Query.
func (c *call) queryError(b *bytes.Buffer, e *apiError) {
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	if c.service.name == "ec2" {
		appendXML(b, "Response", "", out{
			{"Errors", out{{"Error", out{{"Code", e.code}, {"Message", e.message}}}}},
			{"RequestID", c.rid},
		})
		return
	}
	kind := "Sender"
	if e.server {
		kind = "Receiver"
	}
	b.WriteString(`<ErrorResponse xmlns="` + c.service.namespace + `">`)
	appendXML(b, "Error", "", out{{"Type", kind}, {"Code", e.code}, {"Message", e.message}})
	appendXML(b, "RequestId", "", c.rid)
	b.WriteString("</ErrorResponse>\n")
}

func (c *call) write(w http.ResponseWriter, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("X-Amzn-Requestid", c.rid)
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if c.protocol == protocolJSON10 || c.protocol == protocolJSON11 {
		h.Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller that has gone
}

// internalError is the service's own failure, as each calls it.
func internalError(v *service) *apiError {
	switch v.name {
	case "ec2", "s3":
		return &apiError{code: "InternalError", message: "An internal error has occurred", status: 500, server: true}
	case "logs", "servicequotas":
		return &apiError{code: "ServiceUnavailableException", message: "The service cannot complete the request.", status: 500, server: true}
	case "wafv2":
		return &apiError{code: "WAFInternalErrorException", message: "AWS WAF couldn’t perform the operation because of a system problem. Retry your request.", status: 500, server: true}
	case "tagging":
		return &apiError{code: "InternalServiceException", message: "The request processing failed because of an unknown error, exception, or failure. You can retry the request.", status: 500, server: true}
	case "monitoring":
		return &apiError{code: "InternalServiceError", shape: "InternalServiceFault", message: "Internal service error.", status: 500, server: true}
	case "ssm":
		return &apiError{code: "InternalServerError", shape: "InternalServerError", message: "An error occurred on the server side.", status: 500, server: true}
	}
	return &apiError{code: "InternalFailure", message: "We encountered an internal error. Please try again.", status: 500, server: true}
}
