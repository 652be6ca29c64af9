//! Vectors of passages: kept in one file beside the index, searched by comparing all of them.
//!
//! A record is the mark of a text, its scale, and a signed byte for each dimension. The file is only
//! appended to; a record that a killed process cut off is dropped, and one of another model or
//! length makes the file be written again. It is derived data, as the index is.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use crate::hash::hash_of;

/// Maximum number of dimensions of a vector.
pub(crate) const MOST_DIMENSIONS: usize = 4096;
/// The beginning of the file.
const MAGIC: &[u8; 4] = b"DWV1";
/// The bytes of the head: the magic, the hash of the model's name, and the number of dimensions.
const HEAD: usize = 16;
/// The bytes of a record besides its dimensions: mark, scale and check.
const EXTRA: usize = 16;

/// A vector of the length 1, in a byte for each dimension.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Packed {
    scale: f32,
    values: Vec<i8>,
}

impl Packed {
    /// Packs a vector. `None` for one without a direction, or with numbers that are none.
    pub(crate) fn of(vector: &[f32]) -> Option<Self> {
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        let most = vector.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        if !length.is_normal() || !most.is_normal() || vector.len() > MOST_DIMENSIONS {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "the value is from -127 to 127")]
        let values = vector.iter().map(|value| (value / most * 127.0).round() as i8).collect();
        Some(Self { scale: most / (127.0 * length), values })
    }

    /// The cosine of the angle to a record.
    fn cosine(&self, scale: f32, values: &[u8]) -> f32 {
        let pairs = self.values.iter().zip(values);
        let sum: i32 =
            pairs.map(|(one, other)| i32::from(*one) * i32::from(other.cast_signed())).sum();
        #[expect(clippy::cast_precision_loss, reason = "the sum has at most 27 bits")]
        let sum = sum as f32;
        sum * self.scale * scale
    }
}

/// A text that is near to another one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Near {
    /// Its mark.
    pub(crate) mark: u64,
    /// The cosine of the angle between their vectors, above 0.
    pub(crate) cosine: f32,
}

/// The vectors of a collection.
pub(crate) struct Vectors {
    path: PathBuf,
    model: u64,
    /// 0 while there is none.
    dimensions: usize,
    /// The records, without the head.
    records: Vec<u8>,
    places: HashMap<u64, usize>,
}

fn check(record: &[u8]) -> u32 {
    // FNV-1a: it finds what a cut write leaves, and is no protection against anything else.
    record
        .iter()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

impl Vectors {
    /// The file of the vectors beside an index.
    pub(crate) fn file(dir: &Path) -> PathBuf {
        dir.join("vectors")
    }

    /// Reads the vectors of a model, as far as they are whole.
    pub(crate) fn open(dir: &Path, model: &str) -> Self {
        let mut vectors = Self {
            path: Self::file(dir),
            model: hash_of(model.as_bytes()),
            dimensions: 0,
            records: Vec::new(),
            places: HashMap::new(),
        };
        vectors.read();
        vectors
    }

    fn read(&mut self) -> Option<()> {
        let mut bytes = Vec::new();
        File::open(&self.path).ok()?.read_to_end(&mut bytes).ok()?;
        let of_model =
            bytes.starts_with(MAGIC) && number(&bytes, 4) == Some(self.model.to_le_bytes());
        let dimensions = usize::try_from(u32::from_le_bytes(number(&bytes, 12)?)).ok()?;
        if !of_model || dimensions == 0 || dimensions > MOST_DIMENSIONS {
            return None;
        }
        let mut records = bytes.split_off(HEAD);
        let size = dimensions + EXTRA;
        let is_whole = |record: &[u8]| {
            let (kept, told) = record.split_at(size - 4);
            told == check(kept).to_le_bytes()
        };
        let whole = records.chunks_exact(size).take_while(|record| is_whole(record)).count();
        records.truncate(whole * size);
        self.dimensions = dimensions;
        self.records = records;
        self.places = self
            .records
            .chunks_exact(size)
            .enumerate()
            .filter_map(|(place, record)| Some((u64::from_le_bytes(number(record, 0)?), place)))
            .collect();
        Some(())
    }

    fn size(&self) -> usize {
        self.dimensions + EXTRA
    }

    /// True if there is a vector of the text with this mark.
    pub(crate) fn has(&self, mark: u64) -> bool {
        self.places.contains_key(&mark)
    }

    /// The number of vectors.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Adds vectors, of which all have the same length.
    pub(crate) fn add(&mut self, added: &[(u64, Packed)]) -> io::Result<()> {
        let Some((_, first)) = added.first() else { return Ok(()) };
        let dimensions = first.values.len();
        if added.iter().any(|(_, packed)| packed.values.len() != dimensions) {
            return Err(io::Error::other("the vectors differ in length"));
        }
        // What is in the file may be cut, or of another model.
        let begins = self.dimensions != dimensions || self.places.is_empty();
        if begins {
            self.dimensions = dimensions;
            self.records.clear();
            self.places.clear();
        }
        let before = self.records.len();
        for (mark, packed) in added {
            if self.places.contains_key(mark) {
                continue;
            }
            let at = self.records.len();
            self.records.extend(mark.to_le_bytes());
            self.records.extend(packed.scale.to_le_bytes());
            self.records.extend(packed.values.iter().map(|value| value.cast_unsigned()));
            let told = check(self.records.get(at..).unwrap_or_default());
            self.records.extend(told.to_le_bytes());
            self.places.insert(*mark, at / self.size());
        }
        if begins {
            return self.write();
        }
        let length = (HEAD + before) as u64;
        let mut file = OpenOptions::new().append(true).open(&self.path)?;
        // A part of a record that a killed process left is cut off first.
        file.set_len(length)?;
        file.write_all(self.records.get(before..).unwrap_or_default())
    }

    /// Writes the whole file.
    fn write(&self) -> io::Result<()> {
        let part = self.path.with_extension("part");
        let mut file = File::create(&part)?;
        file.write_all(MAGIC)?;
        file.write_all(&self.model.to_le_bytes())?;
        let dimensions = u32::try_from(self.dimensions).map_err(io::Error::other)?;
        file.write_all(&dimensions.to_le_bytes())?;
        file.write_all(&self.records)?;
        file.sync_all()?;
        fs::rename(part, &self.path)
    }

    /// Forgets vectors of texts that are no longer there, once they are more than half of all.
    pub(crate) fn keep_only(&mut self, marks: &HashSet<u64>) -> io::Result<()> {
        let kept = self.places.keys().filter(|mark| marks.contains(mark)).count();
        if self.places.is_empty() || kept * 2 >= self.places.len() {
            return Ok(());
        }
        let size = self.size();
        let mut records = Vec::with_capacity(kept * size);
        let mut places = HashMap::with_capacity(kept);
        for record in self.records.chunks_exact(size) {
            let Some(mark) = number(record, 0).map(u64::from_le_bytes) else { continue };
            if marks.contains(&mark) {
                places.insert(mark, records.len() / size);
                records.extend_from_slice(record);
            }
        }
        (self.records, self.places) = (records, places);
        self.write()
    }

    /// The texts that are nearest to a vector, the nearest first.
    pub(crate) fn nearest(&self, wanted: &Packed, most: usize) -> Vec<Near> {
        if wanted.values.len() != self.dimensions || self.dimensions == 0 {
            return Vec::new();
        }
        let mut found: Vec<Near> = self
            .records
            .chunks_exact(self.size())
            .filter_map(|record| {
                let mark = u64::from_le_bytes(number(record, 0)?);
                let scale = f32::from_le_bytes(number(record, 8)?);
                let values = record.get(12..12 + self.dimensions)?;
                let cosine = wanted.cosine(scale, values);
                (cosine > 0.0).then_some(Near { mark, cosine })
            })
            .collect();
        let order = |one: &Near, other: &Near| {
            other.cosine.total_cmp(&one.cosine).then(one.mark.cmp(&other.mark))
        };
        if found.len() > most {
            found.select_nth_unstable_by(most, order);
            found.truncate(most);
        }
        found.sort_unstable_by(order);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(values: &[f32]) -> Packed {
        Packed::of(values).unwrap()
    }

    fn nearest(vectors: &Vectors, wanted: &[f32], most: usize) -> Vec<u64> {
        vectors.nearest(&packed(wanted), most).into_iter().map(|near| near.mark).collect()
    }

    #[test]
    fn the_nearest_come_first_and_opposite_ones_do_not_come() {
        let dir = tempfile::tempdir().unwrap();
        let mut vectors = Vectors::open(dir.path(), "model");
        let all = [[1.0, 0.0], [0.9, 0.4], [0.0, 5.0], [-1.0, 0.1]];
        let all: Vec<_> = (1..).zip(all.iter().map(|one| packed(one))).collect();
        vectors.add(&all).unwrap();
        assert_eq!(nearest(&vectors, &[2.0, 0.0], 10), [1, 2]);
        assert_eq!(nearest(&vectors, &[1.0, 1.0], 2), [2, 1]);
        assert_eq!(nearest(&vectors, &[1.0, 1.0, 1.0], 2), [] as [u64; 0]);
        for wrong in [&[0.0, 0.0][..], &[f32::NAN, 1.0], &[f32::INFINITY, 1.0], &[]] {
            assert_eq!(Packed::of(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn vectors_return_from_the_file_without_a_record_that_was_cut() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (packed(&[1.0, 0.0]), packed(&[0.0, 1.0]));
        let mut vectors = Vectors::open(dir.path(), "model");
        vectors.add(&[(1, one.clone())]).unwrap();
        vectors.add(&[(2, two.clone()), (1, two.clone())]).unwrap();
        let path = dir.path().join("vectors");
        let whole = fs::read(&path).unwrap();
        for cut in [1, EXTRA + 1] {
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let mut vectors = Vectors::open(dir.path(), "model");
            assert!(vectors.has(1) && !vectors.has(2), "{cut}");
            vectors.add(&[(2, two.clone())]).unwrap();
            let vectors = Vectors::open(dir.path(), "model");
            assert_eq!((vectors.len(), nearest(&vectors, &[0.0, 1.0], 1)), (2, vec![2]));
        }
        assert_eq!(Vectors::open(dir.path(), "another").len(), 0);
        let mut vectors = Vectors::open(dir.path(), "model");
        vectors.keep_only(&HashSet::from([1])).unwrap();
        assert_eq!(vectors.len(), 2, "half of them stay");
        vectors.keep_only(&HashSet::new()).unwrap();
        assert_eq!(Vectors::open(dir.path(), "model").len(), 0);
        // A model that was replaced by one with other dimensions.
        vectors.add(&[(3, packed(&[1.0, 0.0, 0.0]))]).unwrap();
        assert_eq!(nearest(&Vectors::open(dir.path(), "model"), &[1.0, 0.0, 0.0], 1), [3]);
        assert!(vectors.add(&[(4, one.clone()), (5, packed(&[1.0]))]).is_err());
    }
}
