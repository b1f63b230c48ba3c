# baro_library, baro_program and baro_test: the only way a target of ours comes to be.
include(GoogleTest)

add_library(baro_warnings INTERFACE)
target_compile_options(baro_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
  # clang reports std::stable_sort's own use of a deprecated function inside libstdc++ 12; g++ goes on reporting ours.
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety -Wno-deprecated-declarations>
  # gcc 12 reports these inside libstdc++ and Boost headers when it inlines them into our code (gcc bugs 105329, 105562).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict -Wno-maybe-uninitialized -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread>)

# One binary for a module's tests; ctest lists each test by its own name. `unit_tests` builds them all.
function(baro_test target)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${target} ${ARG_SOURCES})
  target_link_libraries(${target} PRIVATE ${ARG_DEPS} baro_warnings GTest::gmock GTest::gtest_main)
  target_compile_definitions(${target} PRIVATE
    BARO_TESTDATA_DIR="${CMAKE_CURRENT_SOURCE_DIR}/testdata" BARO_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  gtest_discover_tests(${target} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 300)
  if(NOT TARGET unit_tests)
    add_custom_target(unit_tests)
  endif()
  add_dependencies(unit_tests ${target})
endfunction()

# A fuzz target is libFuzzer's under the asan preset; elsewhere a test replays its corpus, all of testdata/.
# `fuzzers` builds them all.
function(baro_fuzzer source)
  cmake_parse_arguments(ARG "" "" "DEPS" ${ARGN})
  get_filename_component(name ${source} NAME_WE)
  if(BARO_FUZZ)
    add_executable(${name} ${source})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(${name} ${source} ${PROJECT_SOURCE_DIR}/tools/fuzz_replay.cc)
    add_test(NAME ${name}.replay COMMAND ${name} ${CMAKE_CURRENT_SOURCE_DIR}/testdata)
  endif()
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} baro_warnings)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
  if(NOT TARGET fuzzers)
    add_custom_target(fuzzers)
  endif()
  add_dependencies(fuzzers ${name})
endfunction()

# A Google Benchmark; a short pass of it runs as a test, so that it cannot rot.
function(baro_benchmark source)
  cmake_parse_arguments(ARG "" "" "DEPS" ${ARGN})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} baro_warnings benchmark::benchmark_main)
  target_compile_definitions(${name} PRIVATE BARO_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
    BARO_TESTDATA_DIR="${CMAKE_CURRENT_SOURCE_DIR}/testdata")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
  add_test(NAME ${name}.small COMMAND ${name} --benchmark_min_time=0.001)
  set_tests_properties(${name}.small PROPERTIES TIMEOUT 300 ENVIRONMENT BARO_BENCH_SMALL=1)
endfunction()

# baro_library(NAME SOURCES … DEPS … PRIVATE_DEPS … TESTS … TEST_DEPS … FUZZERS … BENCHMARKS … PCH …)
#
# DEPS re-export headers, PRIVATE_DEPS do not. Every baro:: dependency is held against Layers.cmake. PCH names heavy
# system headers to precompile (gRPC, Asio). TEST_DEPS are for the tests, fuzzers and benchmarks alone.
function(baro_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE_DEPS;TESTS;TEST_DEPS;FUZZERS;BENCHMARKS;PCH" ${ARGN})
  baro_check_layer(${name} ${ARG_DEPS} ${ARG_PRIVATE_DEPS})
  if(ARG_SOURCES)
    add_library(baro_${name} STATIC ${ARG_SOURCES})
    set(scope PUBLIC)
    target_link_libraries(baro_${name} PRIVATE baro_warnings ${ARG_PRIVATE_DEPS})
  else()
    add_library(baro_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(baro::${name} ALIAS baro_${name})
  if(IS_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/include)
    target_include_directories(baro_${name} ${scope} ${CMAKE_CURRENT_SOURCE_DIR}/include)
  endif()
  target_link_libraries(baro_${name} ${scope} ${ARG_DEPS})
  if(NOT name STREQUAL "base")
    target_link_libraries(baro_${name} ${scope} baro::base)
  endif()
  if(ARG_PCH AND ARG_SOURCES)
    target_precompile_headers(baro_${name} PRIVATE ${ARG_PCH})
  endif()
  set(test_deps baro_${name} ${ARG_PRIVATE_DEPS} ${ARG_TEST_DEPS})
  if(ARG_TESTS AND BUILD_TESTING)
    baro_test(${name}_test SOURCES ${ARG_TESTS} DEPS ${test_deps})
    target_include_directories(${name}_test PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  endif()
  if(BUILD_TESTING)
    foreach(source IN LISTS ARG_FUZZERS)
      baro_fuzzer(${source} DEPS ${test_deps})
    endforeach()
    foreach(source IN LISTS ARG_BENCHMARKS)
      baro_benchmark(${source} DEPS ${test_deps})
    endforeach()
  endif()
endfunction()

# A program of ours: main.cc and what only it needs. Its library (baro_library of the same layer) holds all the rest.
function(baro_program name)
  cmake_parse_arguments(ARG "" "LAYER" "SOURCES;DEPS" ${ARGN})
  baro_check_layer(${ARG_LAYER} ${ARG_DEPS})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} baro_warnings)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endfunction()
