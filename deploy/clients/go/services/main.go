// Command services is what a keyless client needs beside a log: a certificate authority that issues for any identity
// token, the key of its certificate log, and a timestamp authority. For tests only: it believes whatever it is told.
//
//	services -dir DIR
//
// It writes DIR/token (an identity token), and, when it can be asked, DIR/services.json: the file that
// `treering-server init --services` merges into the trust files. It runs until it is ended by a signal.
package main

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

const (
	identity = "builder@interop.test"
	issuer   = "https://issuer.interop.test"
	maxBody  = 1 << 20
)

func main() {
	dir := flag.String("dir", "", "the folder for token and services.json")
	flag.Parse()
	if err := run(*dir); err != nil {
		log.Fatalf("error: %v", err)
	}
}

func run(dir string) error {
	ca, err := newAuthority()
	if err != nil {
		return fmt.Errorf("certificate authority: %w", err)
	}
	tsa, err := newTimestamper()
	if err != nil {
		return fmt.Errorf("timestamp authority: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	url := fmt.Sprintf("http://localhost:%d", listener.Addr().(*net.TCPAddr).Port)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v2/signingCert", ca.issueHandler)
	mux.HandleFunc("POST /api/v1/signingCert", ca.legacyHandler)
	mux.HandleFunc("POST /api/v1/timestamp", tsa.handler)
	if err := writeFile(filepath.Join(dir, "token"), []byte(token())); err != nil {
		return err
	}
	services, err := json.MarshalIndent(describe(url, ca, tsa), "", " ")
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, "services.json"), services); err != nil {
		return err
	}
	server := http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	return server.Serve(listener)
}

// writeFile makes the file appear with all its bytes at once.
func writeFile(path string, data []byte) error {
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// token is an identity token whose signature is nothing: clients do not check it, and neither does the authority.
func token() string {
	now := time.Now().Unix()
	part := func(value map[string]any) string {
		data, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(data)
	}
	header := part(map[string]any{"alg": "ES256", "typ": "JWT"})
	claims := part(map[string]any{
		"iss": issuer, "sub": identity, "aud": "sigstore", "email": identity, "email_verified": true,
		"iat": now - 5, "nbf": now - 5, "exp": now + 4*3600,
	})
	return header + "." + claims + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64))
}

// describe gives the members of Sigstore's signing configuration and trusted root that are not about logs.
func describe(url string, ca *authority, tsa *timestamper) map[string]any {
	valid := map[string]any{"start": ca.start.Format(time.RFC3339)}
	service := func(url string) []any {
		return []any{map[string]any{"url": url, "majorApiVersion": 1, "validFor": valid, "operator": "interop.test"}}
	}
	authority := func(name, url string, chain ...[]byte) []any {
		certificates := []any{}
		for _, der := range chain {
			certificates = append(certificates, map[string]any{"rawBytes": der})
		}
		return []any{map[string]any{
			"subject": map[string]any{"organization": "interop.test", "commonName": name}, "uri": url,
			"certChain": map[string]any{"certificates": certificates}, "validFor": valid,
		}}
	}
	timestamp := url + "/api/v1/timestamp"
	return map[string]any{
		"caUrls": service(url), "oidcUrls": service(issuer), "tsaUrls": service(timestamp),
		"certificateAuthorities": authority("interop", url, ca.intermediate.Raw, ca.root.Raw),
		"timestampAuthorities":   authority("interop time", timestamp, tsa.leaf.Raw, tsa.root.Raw),
		"ctlogs": []any{map[string]any{
			"baseUrl": "https://ct.interop.test", "hashAlgorithm": "SHA2_256",
			"publicKey": map[string]any{"rawBytes": ca.logKeyDER, "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": valid},
			"logId":     map[string]any{"keyId": ca.logID[:]},
		}},
	}
}
