package main

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	pb "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

var duplicateMessage = regexp.MustCompile(`unexpected response: 409 .*with index (\d+)`)

// duplicateOf reads the first entry's index from the client's error at a duplicate.
func duplicateOf(err error) (uint64, error) {
	if err == nil {
		return 0, errors.New("a duplicate was logged again")
	}
	match := duplicateMessage.FindStringSubmatch(err.Error())
	if match == nil {
		return 0, fmt.Errorf("expected a 409 that names the first index, found: %w", err)
	}
	return strconv.ParseUint(match[1], 10, 64)
}

// sameLeaf says whether a leaf holds what was asked for and nothing else.
func sameLeaf(body []byte, request *pb.HashedRekordRequestV002) error {
	var entry pb.Entry
	if err := protojson.Unmarshal(body, &entry); err != nil {
		return fmt.Errorf("the leaf is no entry: %w", err)
	}
	logged := entry.GetSpec().GetHashedRekordV002()
	if entry.Kind != "hashedrekord" || entry.ApiVersion != "0.0.2" || logged == nil {
		return fmt.Errorf("expected a hashedrekord 0.0.2, found: %s", body)
	}
	if !bytes.Equal(logged.GetData().GetDigest(), request.Digest) || !proto.Equal(logged.GetSignature(), request.Signature) {
		return fmt.Errorf("the leaf holds something else than was sent: %s", body)
	}
	return nil
}

// isAnswer says whether an error of the client is what the server said, and not that there was no server.
func isAnswer(err error) bool {
	return strings.Contains(err.Error(), "unexpected response")
}
