// The other side of the benchmark `kms`: a KMS v2 plugin that only echoes, and the load that both plugins get.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	kms "k8s.io/kms/apis/v2"
)

type echo struct {
	kms.UnimplementedKeyManagementServiceServer
}

func (echo) Status(context.Context, *kms.StatusRequest) (*kms.StatusResponse, error) {
	return &kms.StatusResponse{Version: "v2", Healthz: "ok", KeyId: "echo"}, nil
}

func (echo) Encrypt(_ context.Context, request *kms.EncryptRequest) (*kms.EncryptResponse, error) {
	return &kms.EncryptResponse{Ciphertext: request.Plaintext, KeyId: "echo"}, nil
}

func (echo) Decrypt(_ context.Context, request *kms.DecryptRequest) (*kms.DecryptResponse, error) {
	return &kms.DecryptResponse{Plaintext: request.Ciphertext}, nil
}

func serve(socket string) error {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	kms.RegisterKeyManagementServiceServer(server, echo{})
	return server.Serve(listener)
}

type result struct {
	Calls int `json:"calls"`
	// All counts those of the warm-up as well.
	All     int     `json:"all"`
	Seconds float64 `json:"seconds"`
	P50     float64 `json:"p50"`
	P99     float64 `json:"p99"`
}

// warmUp is left out of the figures.
const warmUp = time.Second

// callOf tells the one call that is made over and over.
func callOf(client kms.KeyManagementServiceClient, operation string) (func() error, error) {
	ctx := context.Background()
	plaintext := []byte("thirty-two bytes of a seed, sir!")
	encrypt := &kms.EncryptRequest{Plaintext: plaintext, Uid: "benchmark"}
	switch operation {
	case "status":
		return func() error { _, err := client.Status(ctx, &kms.StatusRequest{}); return err }, nil
	case "encrypt":
		return func() error { _, err := client.Encrypt(ctx, encrypt); return err }, nil
	case "decrypt":
		sealed, err := client.Encrypt(ctx, encrypt)
		if err != nil {
			return nil, err
		}
		decrypt := &kms.DecryptRequest{Ciphertext: sealed.Ciphertext, KeyId: sealed.KeyId, Annotations: sealed.Annotations, Uid: "benchmark"}
		return func() error { _, err := client.Decrypt(ctx, decrypt); return err }, nil
	}
	return nil, fmt.Errorf("there is no operation %q", operation)
}

// load makes calls from `workers` at a time, as fast as they are answered, or `rate` a second together when that is not 0.
func load(socket, operation string, workers int, length time.Duration, rate int) (*result, error) {
	connection, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	call, err := callOf(kms.NewKeyManagementServiceClient(connection), operation)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	counted, end := begun.Add(warmUp), begun.Add(warmUp+length)
	durations := make([][]time.Duration, workers)
	made := make([]int, workers)
	failed := make(chan error, workers)
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			pause := time.Duration(0)
			next := time.Now()
			if rate > 0 {
				pause = time.Duration(workers) * time.Second / time.Duration(rate)
				next = next.Add(pause * time.Duration(worker) / time.Duration(workers))
			}
			for time.Now().Before(end) {
				if pause > 0 {
					time.Sleep(time.Until(next))
				} else {
					next = time.Now()
				}
				// From when it should have begun: a server that is late makes the calls behind it late as well.
				due := next
				next = next.Add(pause)
				if err := call(); err != nil {
					failed <- err
					return
				}
				made[worker]++
				if due.After(counted) {
					durations[worker] = append(durations[worker], time.Since(due))
				}
			}
		})
	}
	all.Wait()
	select {
	case err := <-failed:
		return nil, err
	default:
	}
	together := slices.Concat(durations...)
	slices.Sort(together)
	if len(together) == 0 {
		return nil, fmt.Errorf("no call was answered")
	}
	at := func(share float64) float64 {
		return together[min(len(together)-1, int(share*float64(len(together))))].Seconds() * 1000
	}
	total := 0
	for _, calls := range made {
		total += calls
	}
	return &result{len(together), total, length.Seconds(), at(0.5), at(0.99)}, nil
}

func run() error {
	if len(os.Args) == 3 && os.Args[1] == "serve" {
		return serve(os.Args[2])
	}
	if len(os.Args) != 7 || os.Args[1] != "load" {
		return fmt.Errorf("use: serve SOCKET, or load SOCKET OPERATION WORKERS SECONDS RATE")
	}
	workers, err := strconv.Atoi(os.Args[4])
	if err != nil {
		return err
	}
	length, err := time.ParseDuration(os.Args[5] + "s")
	if err != nil {
		return err
	}
	rate, err := strconv.Atoi(os.Args[6])
	if err != nil {
		return err
	}
	found, err := load(os.Args[2], os.Args[3], workers, length, rate)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
