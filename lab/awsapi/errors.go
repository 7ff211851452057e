package awsapi

import (
	"fmt"
	"net/http"
	"strings"
)

// apiError is an error as AWS tells it to callers.
type apiError struct {
	code    string // in the Query protocol and in S3
	shape   string // in JSON and CBOR; "" is made from the code
	message string
	status  int  // 0: 400
	server  bool // the service's fault, not the caller's
	extra   out  // further members
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func (e *apiError) httpStatus() int {
	switch {
	case e.status != 0:
		return e.status
	case e.server:
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// shapeOf names the error in JSON and CBOR: the shape of the service's model.
func (v *service) shapeOf(e *apiError) string {
	if e.shape != "" {
		return e.shape
	}
	if s := v.shapes[e.code]; s != "" {
		return s
	}
	if strings.HasSuffix(e.code, "Exception") {
		return e.code
	}
	return e.code + "Exception"
}

func failure(code, format string, args ...any) *apiError {
	return &apiError{code: code, message: fmt.Sprintf(format, args...)}
}

// invalid is a parameter that does not pass the service's checks, in the words of the Query services.
func invalid(format string, args ...any) *apiError {
	return failure("ValidationError", format, args...)
}

// unknownOperation is what a service answers to a call that it does not know
// (docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CommonErrors.html; JSON 1.1: UnknownOperationException).
func unknownOperation(v *service, p protocol, op string) *apiError {
	switch {
	case p == protocolQuery && v.name == "ec2":
		return failure("InvalidAction", "The action %s is not valid for this web service.", op)
	case p == protocolQuery:
		return failure("InvalidAction", "Could not find operation %s for version %s", op, v.version)
	}
	return &apiError{code: "UnknownOperationException"}
}
