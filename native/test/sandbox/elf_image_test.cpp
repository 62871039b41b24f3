// Goal: a file that is no module, or was cut off or changed, is refused with the reason, whatever
// is in it. Method: a good module, damaged byte by byte.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "harness.hpp"
#include "sandbox/module.hpp"

namespace sledge::test {
namespace {

std::string read(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A file of its own, removed in the end.
class Copy {
 public:
  explicit Copy(const std::string &bytes)
      : path(std::filesystem::temp_directory_path() /
             ("sledge-elf-" + std::to_string(getpid()) + ".wasm.so")) {
    write(bytes);
  }
  ~Copy() { std::filesystem::remove(path); }
  void write(const std::string &bytes) const {
    std::filesystem::remove(path);
    std::ofstream(path, std::ios::binary) << bytes;
  }
  ModuleLoadError load(const FileIdentity *file = nullptr) const {
    ModuleLoadError error;
    load_module(path, {.file = file}, error);
    return error;
  }
  const std::string path;
};

TEST(ElfImage, OneThatIsCutOffAnywhereIsRefused) {
  const std::string whole = read(module_path("probe"));
  const Copy copy(whole);
  EXPECT_EQ(copy.load().code, SLEDGE_OK);
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{63}, size_t{64}, size_t{300},
                             whole.size() / 4, whole.size() / 2}) {
    copy.write(whole.substr(0, bytes));
    EXPECT_EQ(copy.load().code, SLEDGE_ERR_MODULE_LOAD) << bytes;
  }
}

TEST(ElfImage, NoByteOfItsTablesMakesTheLoaderGoAstray) {
  const std::string whole = read(module_path("right_import"));
  std::mt19937 random(7);
  const Copy copy(whole);
  size_t refused = 0;
  for (int turn = 0; turn < 400; turn++) {
    std::string damaged = whole;
    const size_t most = turn % 2 == 0 ? 800 : damaged.size(); // headers, or anything
    damaged[random() % std::min(most, damaged.size())] = static_cast<char>(random());
    copy.write(damaged);
    LoadedObject object; // looks at it, and does not run it
    ModuleLoadError error;
    refused += object.open(copy.path, nullptr, error) ? 0 : 1;
  }
  EXPECT_GT(refused, 40u);
}

TEST(ElfImage, AFileThatIsWrittenAgainIsAnotherOne) {
  const Copy copy(read(module_path("empty")));
  ModuleLoadError error;
  const auto module = load_module(copy.path, {}, error);
  ASSERT_NE(module, nullptr);
  const FileIdentity file = module_file(*module);
  EXPECT_EQ(copy.load(&file).code, SLEDGE_OK);
  copy.write(read(module_path("trap")));
  EXPECT_EQ(copy.load(&file).detail, "the file has changed since the function was deployed");
  std::filesystem::remove(copy.path);
  EXPECT_EQ(copy.load(&file).detail, "No such file or directory");
}

} // namespace
} // namespace sledge::test
