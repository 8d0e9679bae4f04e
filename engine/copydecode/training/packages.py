"""The packages that training and evaluation start from: pinned, permissively licensed, split.

A project is in one split. None of them is a project whose commits the studies evaluate on. Knows
nothing of how packages are fetched or read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Split = Literal["train", "validation", "test"]
Registry = Literal["pypi", "npm"]


EVALUATED = frozenset(
    {
        "asottile/pyupgrade",
        "continuedev/continue",
        "openlawlibrary/pygls",
        "psf/black",
        "reactjs/react-codemod",
        "rust-lang/rust-analyzer",
    }
)
"""Repositories whose commits or tests the studies evaluate on: nothing of them is learnt."""


@dataclass(frozen=True, slots=True)
class Package:
    """One package of the corpus; the licence is what its metadata states.

    `sha256` is that of an npm tarball, in hexadecimal; a wheel depends on the platform and has
    none: pip checks it. `folders` are those of a tarball that hold source as it was written, "."
    the files beside `package.json`; Markdown is taken from all of it.
    """

    name: str
    version: str
    licence: str
    split: Split
    registry: Registry = "pypi"
    folders: tuple[str, ...] = ()
    sha256: str = ""


def _npm(name: str, version: str, licence: str, split: Split, folders: str, sha256: str) -> Package:  # noqa: PLR0913, PLR0917  # a row of the table
    return Package(name, version, licence, split, "npm", tuple(folders.split()), sha256)


PYTHON_PACKAGES = (
    Package("aiohttp", "3.14.5", "Apache-2.0 AND MIT", "train"),
    Package("celery", "5.7.0", "BSD-3-Clause", "train"),
    Package("dask", "2026.8.0", "BSD-3-Clause", "train"),
    Package("django", "5.2.19", "BSD-3-Clause", "train"),
    Package("fastapi", "0.165.0", "MIT", "train"),
    Package("httpx", "0.28.1", "BSD-3-Clause", "train"),
    Package("jsonschema", "4.26.0", "MIT", "train"),
    Package("kombu", "5.7.0", "BSD-3-Clause", "train"),
    Package("mypy", "2.4.1", "MIT", "train"),
    Package("networkx", "3.6.1", "BSD-3-Clause", "train"),
    Package("nltk", "3.10.4", "Apache-2.0", "train"),
    Package("pandas", "3.1.1", "BSD-3-Clause", "train"),
    Package("poetry-core", "2.5.0", "MIT", "train"),
    Package("pydantic", "2.14.3", "MIT", "train"),
    Package("pygments", "2.21.0", "BSD-2-Clause", "train"),
    Package("pymongo", "4.20.0", "Apache-2.0", "train"),
    Package("pytest", "9.2.0", "MIT", "train"),
    Package("redis", "8.1.0", "MIT", "train"),
    Package("rich", "15.0.0", "MIT", "train"),
    Package("scikit-learn", "1.9.1", "BSD-3-Clause", "train"),
    Package("scrapy", "2.19.0", "BSD-3-Clause", "train"),
    Package("setuptools", "84.2.1", "MIT", "train"),
    Package("sqlalchemy", "2.1.9", "MIT", "train"),
    Package("starlette", "1.10.0", "BSD-3-Clause", "train"),
    Package("sympy", "1.14.0", "BSD-3-Clause", "train"),
    Package("tornado", "6.6.1", "Apache-2.0", "train"),
    Package("tox", "4.67.13", "MIT", "train"),
    Package("trio", "0.35.0", "MIT OR Apache-2.0", "train"),
    Package("twisted", "26.10.0", "MIT", "train"),
    Package("urllib3", "2.8.0", "MIT", "train"),
    Package("virtualenv", "21.15.7", "MIT", "train"),
    Package("xarray", "2026.9.0", "Apache-2.0", "train"),
    Package("anyio", "4.16.0", "MIT", "validation"),
    Package("flask", "3.1.3", "BSD-3-Clause", "validation"),
    Package("httpcore", "1.0.9", "BSD-3-Clause", "validation"),
    Package("marshmallow", "4.4.0", "MIT", "validation"),
    Package("attrs", "26.1.0", "MIT", "test"),
    Package("click", "8.5.1", "BSD-3-Clause", "test"),
    Package("jinja2", "3.1.6", "BSD-3-Clause", "test"),
    Package("more-itertools", "11.2.1", "MIT", "test"),
    Package("requests", "2.34.2", "Apache-2.0", "test"),
    Package("tenacity", "9.2.1", "Apache-2.0", "test"),
    Package("toolz", "1.2.0", "BSD-3-Clause", "test"),
    Package("werkzeug", "3.1.9", "BSD-3-Clause", "test"),
)

NPM_PACKAGES = (
    _npm(
        "ajv",
        "8.20.0",
        "MIT",
        "train",
        "lib",
        "b2f0b3a893bbb8cc5efb6814f08b1499e19e31d5dd73683f5893382f48f6e7b3",
    ),
    _npm(
        "eslint",
        "10.15.0",
        "MIT",
        "train",
        "lib",
        "8cb5e45fb5b1174e4216d546b69d37c0ac5cb5d9ba8342946a04af1f59605edb",
    ),
    _npm(
        "eslint-plugin-unicorn",
        "80.0.0",
        "MIT",
        "train",
        "rules",
        "924b288a6dbe50b4a6366f59fda4e159bb4536b6fc9e6fec20c713b6d05430a6",
    ),
    _npm(
        "execa",
        "10.2.1",
        "MIT",
        "train",
        "lib",
        "cc15a55389ab167c418e6f1249addfb55b20693f6c318161a752e04d474c02aa",
    ),
    _npm(
        "express",
        "5.3.0",
        "MIT",
        "train",
        "lib",
        "62450d99e36dc393295f1ddd93cb9291e658c169f3b700b0110c1ae8fa799930",
    ),
    _npm(
        "fastify",
        "5.12.8",
        "MIT",
        "train",
        "lib fastify.js",
        "459048aabd9311309f4f95b36e8ca065e3a4613ded292bcf50442926931e4748",
    ),
    _npm(
        "immer",
        "11.2.10",
        "MIT",
        "train",
        "src",
        "f8184e2750790534d2faf01137b39133586ef2c14fa504ee82409568dbb0b32d",
    ),
    _npm(
        "joi",
        "18.3.2",
        "BSD-3-Clause",
        "train",
        "lib",
        "32e56f6aa607770c0f34cbe209e197b887c7815f9d31e8a03944f3cd54cc19b7",
    ),
    _npm(
        "jsdom",
        "31.0.1",
        "MIT",
        "train",
        "lib/jsdom",
        "53b0b47dbcebe37833e4cbcf162d9fc628a038eeddcb1e68255a4957381da109",
    ),
    _npm(
        "knex",
        "3.3.0",
        "MIT",
        "train",
        "lib",
        "6f017ec9d4b8d665c739fa5ed20833bc96e61bc3903ea7ab6ad8498c926f1cc5",
    ),
    _npm(
        "leaflet",
        "1.9.4",
        "BSD-2-Clause",
        "train",
        "src",
        "84c65a256e50657896f54c33bd857b6849ebe94c817803be818bf32a3dde0b77",
    ),
    _npm(
        "lodash",
        "4.18.1",
        "MIT",
        "train",
        ".",
        "696942c2a488c9d7428e9ca5f12ccf03b52de01dcdbfe4d4751d392f0491ae16",
    ),
    _npm(
        "mocha",
        "12.0.3",
        "MIT",
        "train",
        "lib",
        "3a93ba09b4b5f591a947ef5226ca9ae76220b124fe610dbcd5b76eb320512919",
    ),
    _npm(
        "moment",
        "2.31.0",
        "MIT",
        "train",
        "src/lib",
        "efddf549c13aa7cf270f573d9c464978ab0810c0652673ae6af1189bb56ab3f8",
    ),
    _npm(
        "mongoose",
        "9.12.1",
        "MIT",
        "train",
        "lib",
        "de332a61c69faea1f9775291a984a9391a985e0b452d51c55b6458796de7d04b",
    ),
    _npm(
        "preact",
        "11.2.0",
        "MIT",
        "train",
        "src compat/src hooks/src debug/src",
        "3c4456766bd32b6b534d52bf4e9c2a29b33e7eedf6e96ed479300ba1a7888ebf",
    ),
    _npm(
        "redux",
        "5.0.1",
        "MIT",
        "train",
        "src",
        "adacd4f8a377e638a3feb568e45e8b8ff22c926516941db25b1acfc34d94398b",
    ),
    _npm(
        "@reduxjs/toolkit",
        "2.14.0",
        "MIT",
        "train",
        "src",
        "1e5a0946e81e9c365141d18c7067221b48ba66c6858d0a6e23296a31b095f82b",
    ),
    _npm(
        "rxjs",
        "7.8.2",
        "Apache-2.0",
        "train",
        "src",
        "2312f8ffd9726ffd7bd53ea12c5f13663d09a3dc3326f448c70b88f5ef6fac82",
    ),
    _npm(
        "stylelint",
        "18.0.0",
        "MIT",
        "train",
        "lib",
        "c4afe67deb7470113f8edd18138fc96f64c45007de2ffbae3a6c934e1b535682",
    ),
    _npm(
        "svelte",
        "5.57.3",
        "MIT",
        "train",
        "src",
        "afda776761670addcd6f4345c1b4b0665c8dd11b82961cbfee9696d5d9f4546a",
    ),
    _npm(
        "@tanstack/query-core",
        "5.108.0",
        "MIT",
        "train",
        "src",
        "295e04168c1afddc3c0c95a88751b4c3bb69ebe56aee81b523b41bb37daea815",
    ),
    _npm(
        "@tanstack/react-query",
        "5.108.0",
        "MIT",
        "train",
        "src",
        "9e8965c23856fc6a946b211b2e0a0b66c4262a2496580df88e57a7f693d8958f",
    ),
    _npm(
        "three",
        "0.187.0",
        "MIT",
        "train",
        "src",
        "ff540832ded0cfe919764d24a3d88f3e2a05f23303f876423e4f893841e90728",
    ),
    _npm(
        "@trpc/client",
        "11.25.2",
        "MIT",
        "train",
        "src",
        "f04e7bc104d47cd277f0f4a868314633f2bb8a5bacd4ea894b3431ed46bc3329",
    ),
    _npm(
        "@trpc/server",
        "11.25.2",
        "MIT",
        "train",
        "src",
        "43d5562bf3d3ca2ba55bb37a91020c19d90ddaa3359a1eb55e5fefc62c6cb29a",
    ),
    _npm(
        "undici",
        "8.12.4",
        "MIT",
        "train",
        "lib",
        "26058cdb2174623666e823e6b44ccfef8d5c1955107f979b8083904b61a0ce6e",
    ),
    _npm(
        "winston",
        "3.19.0",
        "MIT",
        "train",
        "lib",
        "4183f422c69153b58b8595d3ec06c523087ca1a978006e1a6db63e199c18748e",
    ),
    _npm(
        "zod",
        "4.6.7",
        "MIT",
        "train",
        "src",
        "84efd155bed93270286e793fc951be270b536cbd5b0eeb111f0fa3967201d698",
    ),
    _npm(
        "cheerio",
        "1.2.0",
        "MIT",
        "validation",
        "src",
        "56024eb0f315c373a4be57b26f3d956e9618cd2778ad283960c09cc1d4e820ab",
    ),
    _npm(
        "koa",
        "3.2.1",
        "MIT",
        "validation",
        "lib",
        "f66881dc0891744073dc18994b0e808921454b0acf297ccbba49f753d299997a",
    ),
    _npm(
        "luxon",
        "3.7.2",
        "MIT",
        "validation",
        "src",
        "498078da47254917ea264631160880fec8936994de3e6271e9c75c542bd35832",
    ),
    _npm(
        "pino",
        "10.4.0",
        "MIT",
        "validation",
        "lib pino.js",
        "f745d3dee0bddd39f11226335ee6dbbe3d49cc037168f2b31a8cdbe78f0e6216",
    ),
    _npm(
        "axios",
        "1.21.1",
        "MIT",
        "test",
        "lib",
        "5659acb8c9414ad88aa539db8e529947c9bac8cdf55973e314a078fc0205751c",
    ),
    _npm(
        "chalk",
        "6.0.1",
        "MIT",
        "test",
        "source",
        "22a5b05d62a304c950f24dedb466ea07fb4b458e58bb37b2fe2c69ed2c9ba6c3",
    ),
    _npm(
        "commander",
        "15.1.0",
        "MIT",
        "test",
        "lib",
        "308f16a324f6d0c889c1a388858868d84e1b4eb4e2bf856caa001f01c1c55bdf",
    ),
    _npm(
        "markdownlint",
        "0.42.1",
        "MIT",
        "test",
        "lib helpers",
        "29b1845c8c7d2e299dff9314b00d466f3234c924e68b1bffa8a2a79d6d1e728b",
    ),
    _npm(
        "mobx",
        "7.1.3",
        "MIT",
        "test",
        "src",
        "bbd07665d8851ee01df2fd4e12db106c60fd878839610dd8b899548969625616",
    ),
    _npm(
        "prosemirror-model",
        "1.25.13",
        "MIT",
        "test",
        "src",
        "d7cb62718cc012c2eeda679512d3f409220ab15a782fe8a61bd08c010e015a0f",
    ),
    _npm(
        "prosemirror-view",
        "1.42.9",
        "MIT",
        "test",
        "src",
        "d92a5d70b1c9d20ffa582c710ba62f86a58cb8a7ec5c58b9abe402c8e9e5d403",
    ),
    _npm(
        "semver",
        "7.8.6",
        "ISC",
        "test",
        "classes functions internal ranges",
        "c6584c324e8b1e5d0403c6c16ee2b25dd61567c13f0449a58820350c21cd71bf",
    ),
    _npm(
        "sinon",
        "22.1.0",
        "BSD-3-Clause",
        "test",
        "lib",
        "ce6e9fe32388a3ea39996bad3c7e907cea42de7e8bbddc297b56165b16538ac3",
    ),
    _npm(
        "ws",
        "8.23.0",
        "MIT",
        "test",
        "lib",
        "b8bd105a274ae9ca114f8c6ce4d9dbb0c764fe5118ba633c557e1703e297c587",
    ),
)

PACKAGES = (*PYTHON_PACKAGES, *NPM_PACKAGES)
STANDARD_LIBRARY = Package("python", "", "PSF-2.0", "train")
