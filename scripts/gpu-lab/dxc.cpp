// dxc ENTRY FILE.hlsl: compiles a kernel by Microsoft's newer HLSL compiler, dxcompiler.dll, as wgpu calls it for DX12 (wgpu-hal 30,
// dx12/shader_compilation.rs). Prints the same as fxc.c.

#include <windows.h>
#include <dxcapi.h>
#include <stdio.h>
#include <string>
#include "measure.h"

static const CLSID compiler_class = {0x73e22d93, 0xe6ce, 0x47f3, {0xb5, 0xbf, 0xf0, 0x66, 0x4f, 0x39, 0xc1, 0xb0}};

int main(int count, char **arguments) {
    if (count != 3) {
        fprintf(stderr, "usage: dxc ENTRY FILE.hlsl\n");
        return 2;
    }
    const char *path = arguments[2];
    const std::wstring entry(arguments[1], arguments[1] + strlen(arguments[1]));
    const auto create = (DxcCreateInstanceProc)(void *)symbol("dxcompiler.dll", "DxcCreateInstance");
    IDxcCompiler3 *compiler;
    if (FAILED(create(compiler_class, __uuidof(IDxcCompiler3), (void **)&compiler))) {
        fprintf(stderr, "dxcompiler.dll has no IDxcCompiler3\n");
        return 1;
    }
    size_t bytes;
    const char *text = read_file(path, &bytes);
    const DxcBuffer source = {text, bytes, DXC_CP_UTF8};
    LPCWSTR options[] = {entry.c_str(), L"-E", entry.c_str(), L"-T", L"cs_6_6", L"-HV", L"2018", L"-no-warnings", L"-Ges"};
    IDxcResult *result = nullptr;
    const double began = processor_seconds();
    HRESULT status = compiler->Compile(&source, options, sizeof options / sizeof *options, nullptr, __uuidof(IDxcResult), (void **)&result);
    const double taken = processor_seconds() - began;
    if (SUCCEEDED(status)) {
        result->GetStatus(&status);
    }
    IDxcBlob *code = nullptr;
    IDxcBlobUtf8 *messages = nullptr;
    if (result) {
        result->GetOutput(DXC_OUT_OBJECT, __uuidof(IDxcBlob), (void **)&code, nullptr);
        result->GetOutput(DXC_OUT_ERRORS, __uuidof(IDxcBlobUtf8), (void **)&messages, nullptr);
    }
    report(path, taken, status, code ? code->GetBufferSize() : 0);
    if (messages && messages->GetStringLength()) {
        fprintf(stderr, "%s\n", messages->GetStringPointer());
    }
    return 0;
}
