// fxc ENTRY FILE.hlsl: compiles a kernel by Microsoft's older HLSL compiler, d3dcompiler_47.dll, as wgpu calls it for DX12 (wgpu-hal 30,
// dx12/shader_compilation.rs). Prints the file, seconds of processor time, and the bytes of code or how it failed, between tabs. What the compiler
// has to say, warnings above all, goes to stderr.

#define COBJMACROS
#include <windows.h>
#include <d3dcompiler.h>
#include <stdio.h>
#include "measure.h"

int main(int count, char **arguments) {
    if (count != 3) {
        fprintf(stderr, "usage: fxc ENTRY FILE.hlsl\n");
        return 2;
    }
    const char *entry = arguments[1], *path = arguments[2];
    const pD3DCompile compile = (pD3DCompile)(void *)symbol("d3dcompiler_47.dll", "D3DCompile");
    size_t bytes;
    const char *text = read_file(path, &bytes);
    ID3DBlob *code = NULL, *messages = NULL;
    const double began = processor_seconds();
    const HRESULT result = compile(text, bytes, entry, NULL, NULL, entry, "cs_5_1", D3DCOMPILE_ENABLE_STRICTNESS, 0, &code, &messages);
    report(path, processor_seconds() - began, result, code ? ID3D10Blob_GetBufferSize(code) : 0);
    if (messages) {
        fprintf(stderr, "%.*s", (int)ID3D10Blob_GetBufferSize(messages), (const char *)ID3D10Blob_GetBufferPointer(messages));
    }
    return 0;
}
